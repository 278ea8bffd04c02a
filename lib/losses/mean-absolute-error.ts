import { type Loss, ValueLoss } from './loss.ts';

/**
 * For regression that outliers should not rule: the mean of `|output - label|` over all values. Outputs of any
 * shape; as many labels as outputs. The gradient is 0 where both are equal.
 *
 * The package exports it as `meanAbsoluteErrorLoss`, since the metric has the same name.
 */
export function meanAbsoluteError(): Loss<'values'> {
  return new MeanAbsoluteError();
}

class MeanAbsoluteError extends ValueLoss {
  readonly kind = 'meanAbsoluteError';
}
