import { positive, readOptions, withDefault } from '../core/options.ts';
import type { Spec } from '../native/index.ts';
import { type Loss, ValueLoss } from './loss.ts';

export interface HuberOptions {
  /** The error at which the parabola goes over into a line, above 0. Default: 1. */
  readonly delta?: number;
}

const OPTIONS = { delta: withDefault(positive, 1) };

/**
 * For regression that outliers should not rule: with `e = output - label` the mean over all values of `e^2 / 2`
 * up to an error of delta, and of `delta (|e| - delta / 2)` beyond. Outputs of any shape; as many labels as
 * outputs.
 */
export function huber(options: HuberOptions = {}): Loss<'values'> {
  return new Huber(readOptions('huber', options, OPTIONS).delta);
}

class Huber extends ValueLoss {
  readonly kind = 'huber';
  readonly #delta: number;

  constructor(delta: number) {
    super();
    this.#delta = delta;
  }

  override toSpec(): Spec {
    return { kind: this.kind, delta: this.#delta };
  }
}
