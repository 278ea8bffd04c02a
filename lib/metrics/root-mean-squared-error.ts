import type { Loss } from '../losses/loss.ts';
import { Metric } from './metric.ts';

/** The square root of the mean of `(output - label)^2` over all values: an error in the unit of the labels. */
export function rootMeanSquaredError(): Metric<'rootMeanSquaredError'> {
  return new RootMeanSquaredError();
}

class RootMeanSquaredError extends Metric<'rootMeanSquaredError'> {
  readonly kind = 'rootMeanSquaredError';

  checkLoss({ kind, outputs }: Loss): string | undefined {
    if (outputs === 'values') return undefined;
    return `the metric rootMeanSquaredError compares values, and under ${kind} outputs are something else`;
  }
}
