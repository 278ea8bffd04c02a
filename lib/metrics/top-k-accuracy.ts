import { extent, readOptions, withDefault } from '../core/options.ts';
import type { Loss } from '../losses/loss.ts';
import type { Spec } from '../native/index.ts';
import { Metric } from './metric.ts';

export interface TopKAccuracyOptions {
  /** How many of the largest outputs count, at most the number of classes. Default: 5. */
  readonly k?: number;
}

const OPTIONS = { k: withDefault(extent, 5) };

/** The share of samples whose labelled class is among the `k` largest outputs; of equal outputs the first. */
export function topKAccuracy(options: TopKAccuracyOptions = {}): Metric<'topKAccuracy', number> {
  return new TopKAccuracy(readOptions('topKAccuracy', options, OPTIONS).k);
}

class TopKAccuracy extends Metric<'topKAccuracy', number> {
  readonly kind = 'topKAccuracy';
  readonly #k: number;

  constructor(k: number) {
    super();
    this.#k = k;
  }

  checkLoss({ kind, labelKinds, outputs }: Loss): string | undefined {
    if (outputs === 'classLogits' && labelKinds.includes('class')) return undefined;
    return `the metric topKAccuracy needs one output a class and labels that are classes, which ${kind} does not take`;
  }

  override toSpec(): Spec {
    return { kind: this.kind, k: this.#k };
  }
}
