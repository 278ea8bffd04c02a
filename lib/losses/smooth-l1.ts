import { positive, readOptions, withDefault } from '../core/options.ts';
import type { Spec } from '../native/index.ts';
import { type Loss, ValueLoss } from './loss.ts';

export interface SmoothL1Options {
  /** The error at which the parabola goes over into a line, above 0. Default: 1. */
  readonly beta?: number;
}

const OPTIONS = { beta: withDefault(positive, 1) };

/**
 * Huber's loss divided by its delta, here called beta, so that its lines have the slope 1: with
 * `e = output - label` the mean over all values of `e^2 / (2 beta)` below an error of beta, and of
 * `|e| - beta / 2` beyond. Outputs of any shape; as many labels as outputs.
 */
export function smoothL1(options: SmoothL1Options = {}): Loss<'values'> {
  return new SmoothL1(readOptions('smoothL1', options, OPTIONS).beta);
}

class SmoothL1 extends ValueLoss {
  readonly kind = 'smoothL1';
  readonly #beta: number;

  constructor(beta: number) {
    super();
    this.#beta = beta;
  }

  override toSpec(): Spec {
    return { kind: this.kind, beta: this.#beta };
  }
}
