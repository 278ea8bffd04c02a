import type { Loss } from '../losses/loss.ts';
import { Metric } from './metric.ts';

/** The mean of `|output - label|` over all values. */
export function meanAbsoluteError(): Metric<'meanAbsoluteError', number> {
  return new MeanAbsoluteError();
}

class MeanAbsoluteError extends Metric<'meanAbsoluteError', number> {
  readonly kind = 'meanAbsoluteError';
  override readonly better = 'lower';

  checkLoss({ kind, outputs }: Loss): string | undefined {
    if (outputs === 'values') return undefined;
    if (outputs === 'logRates') {
      return `the metric meanAbsoluteError compares values, and under ${kind} outputs are their logarithms; leave it out`;
    }
    const instead = outputs === 'classLogits' ? 'accuracy' : 'binaryAccuracy';
    return `the metric meanAbsoluteError compares values, and under ${kind} outputs are ${outputs === 'margins' ? 'margins' : 'logits'}; use ${instead}`;
  }
}
