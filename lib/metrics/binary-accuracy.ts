import { numberThat, optional, readOptions } from '../core/options.ts';
import type { Loss } from '../losses/loss.ts';
import type { Spec } from '../native/index.ts';
import { answersYesOrNo, defaultThreshold, misfit } from './fitting.ts';
import { Metric } from './metric.ts';

export interface BinaryAccuracyOptions {
  /**
   * An output above it counts as 1. Default: 0 where outputs are logits (sigmoidBinaryCrossEntropy) or
   * margins (hinge), else 0.5.
   */
  readonly threshold?: number;
}

const OPTIONS = { threshold: optional(numberThat('a finite number', () => true)) };

/** The share of outputs on their label's side of the threshold; labels above 0.5 stand for 1. */
export function binaryAccuracy(options: BinaryAccuracyOptions = {}): Metric<'binaryAccuracy', number> {
  return new BinaryAccuracy(readOptions('binaryAccuracy', options, OPTIONS).threshold);
}

class BinaryAccuracy extends Metric<'binaryAccuracy', number> {
  readonly kind = 'binaryAccuracy';
  readonly #threshold: number | undefined;

  constructor(threshold: number | undefined) {
    super();
    this.#threshold = threshold;
  }

  checkLoss(loss: Loss): string | undefined {
    if (answersYesOrNo(loss)) return undefined;
    if (loss.outputs === 'logRates') return misfit(this.kind, 'needs outputs that answer yes or no', loss);
    return `the metric binaryAccuracy compares single outputs with a threshold, and ${loss.kind} has one output a class; use accuracy`;
  }

  override toSpec(loss: Loss): Spec {
    return { kind: this.kind, threshold: this.#threshold ?? defaultThreshold(loss) };
  }
}
