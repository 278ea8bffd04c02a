import type { Loss } from '../losses/loss.ts';
import { misfit } from './fitting.ts';
import { Metric } from './metric.ts';

/**
 * The coefficient of determination, the share of the labels' variance that the outputs explain:
 * `1 - sum((label - output)^2) / sum((label - mean label)^2)`, the mean of it over a sample's outputs. As
 * scikit-learn's `r2_score`: where all labels are equal, 1 if all outputs are right and else 0; NaN for one sample.
 */
export function r2(): Metric<'r2', number> {
  return new R2();
}

class R2 extends Metric<'r2', number> {
  readonly kind = 'r2';

  checkLoss(loss: Loss): string | undefined {
    return loss.outputs === 'values' ? undefined : misfit(this.kind, 'compares values', loss);
  }
}
