import type { Loss } from '../losses/loss.ts';
import { misfit, tellsClasses } from './fitting.ts';
import { Metric } from './metric.ts';

/**
 * The mean of `-log(probability of the label)`, from logits: what softmaxCrossEntropy and sigmoidBinaryCrossEntropy are
 * without class weights, positive weights, smoothing and weights of samples. As scikit-learn's `log_loss`, but not
 * clipped: a label held to be all but impossible counts in full.
 */
export function logLoss(): Metric<'logLoss', number> {
  return new LogLoss();
}

class LogLoss extends Metric<'logLoss', number> {
  readonly kind = 'logLoss';
  override readonly better = 'lower';

  checkLoss(loss: Loss): string | undefined {
    if (tellsClasses(loss) || loss.outputs === 'binaryLogits') return undefined;
    return misfit(this.kind, 'needs the logits of classes', loss);
  }
}
