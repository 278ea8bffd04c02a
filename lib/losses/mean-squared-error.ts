import type { Shape } from '../core/shape.ts';
import { checkValueLabels, type LabelsInfo, type LabelsProblem, Loss } from './loss.ts';

/**
 * For regression: the mean of `(output - label)^2` over all values. Outputs of any shape; as many labels as
 * outputs.
 */
export function meanSquaredError(): Loss<'values'> {
  return new MeanSquaredError();
}

class MeanSquaredError extends Loss<'values'> {
  readonly kind = 'meanSquaredError';
  readonly labelKinds = ['values'] as const;
  readonly outputs = 'values';

  checkOutput(): undefined {
    return undefined;
  }

  checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined {
    return checkValueLabels(this.kind, labels, outputShape);
  }
}
