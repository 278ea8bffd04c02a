import type { Loss } from '../losses/loss.ts';
import { Metric } from './metric.ts';

/** The mean of `|output - label|` over all values. */
export function meanAbsoluteError(): Metric<'meanAbsoluteError'> {
  return new MeanAbsoluteError();
}

class MeanAbsoluteError extends Metric<'meanAbsoluteError'> {
  readonly kind = 'meanAbsoluteError';

  checkLoss({ kind, outputs }: Loss): string | undefined {
    if (outputs === 'values') return undefined;
    const instead = outputs === 'binaryLogits' ? 'binaryAccuracy' : 'accuracy';
    return `the metric meanAbsoluteError compares values, and under ${kind} outputs are logits; use ${instead}`;
  }
}
