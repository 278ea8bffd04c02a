import type { Shape } from '../core/shape.ts';
import { checkEachValue, type LabelsInfo, type LabelsProblem, type Loss, ValueLoss } from './loss.ts';

/**
 * For counts: the negative log-likelihood of labels under Poisson distributions, the mean of
 * `exp(output) - label * output` over all values.
 *
 * Outputs of any shape, the **logarithms** of the expected counts (PyTorch's default; Keras takes the counts
 * themselves); as many labels as outputs, counts of at least 0. The term `log(label!)`, which nothing trains,
 * is left out.
 */
export function poisson(): Loss<'values'> {
  return new Poisson();
}

class Poisson extends ValueLoss {
  readonly kind = 'poisson';
  override readonly outputs = 'logRates';

  override checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined {
    return (
      super.checkLabels(labels, outputShape) ??
      checkEachValue(this.kind, labels, 'counts of at least 0', (value) => value >= 0)
    );
  }
}
