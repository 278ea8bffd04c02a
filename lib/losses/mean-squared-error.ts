import { type Loss, ValueLoss } from './loss.ts';

/**
 * For regression: the mean of `(output - label)^2` over all values. Outputs of any shape; as many labels as
 * outputs.
 */
export function meanSquaredError(): Loss<'values'> {
  return new MeanSquaredError();
}

class MeanSquaredError extends ValueLoss {
  readonly kind = 'meanSquaredError';
}
