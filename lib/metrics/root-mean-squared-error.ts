import type { Loss } from '../losses/loss.ts';
import { misfit } from './fitting.ts';
import { Metric } from './metric.ts';

/** The square root of the mean of `(output - label)^2` over all values: an error in the unit of the labels. */
export function rootMeanSquaredError(): Metric<'rootMeanSquaredError', number> {
  return new RootMeanSquaredError();
}

class RootMeanSquaredError extends Metric<'rootMeanSquaredError', number> {
  readonly kind = 'rootMeanSquaredError';
  override readonly better = 'lower';

  checkLoss(loss: Loss): string | undefined {
    return loss.outputs === 'values' ? undefined : misfit(this.kind, 'compares values', loss);
  }
}
