import { numberThat, oneOf, optional, readOptions, withDefault } from '../core/options.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { Loss } from '../losses/loss.ts';
import type { Spec } from '../native/index.ts';
import { answersYesOrNo, defaultThreshold, misfit, tellsClasses } from './fitting.ts';
import { Metric } from './metric.ts';

export interface ConfusionMatrixOptions {
  /**
   * What each count is divided by: the number of samples of its label (`'labels'`, so that rows sum to 1), of its
   * prediction (`'predictions'`, columns), or of all. scikit-learn's `'true'`, `'pred'` and `'all'`. A class without
   * samples gives 0. Default: `'none'`.
   */
  readonly normalize?: 'none' | 'labels' | 'predictions' | 'all';
  /** Of a single output: above it counts as 1. Default: 0 where outputs are logits or margins, else 0.5. */
  readonly threshold?: number;
}

const OPTIONS = {
  normalize: withDefault(oneOf('none', 'labels', 'predictions', 'all'), 'none'),
  threshold: optional(numberThat('a finite number', () => true)),
};

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>;

/**
 * How many samples of each class are taken for which: `matrix[label][prediction]`, over all classes that the model
 * tells apart, 0 and 1 for a single yes-or-no output. Takes 8 bytes a cell. A live line of progress leaves it out.
 *
 * @example
 * const { confusionMatrix } = await model.evaluate(test, { metrics: ['confusionMatrix'] });
 * console.table(confusionMatrix);
 */
export function confusionMatrix(options: ConfusionMatrixOptions = {}): Metric<'confusionMatrix', number[][]> {
  return new ConfusionMatrix(readOptions('confusionMatrix', options, OPTIONS));
}

class ConfusionMatrix extends Metric<'confusionMatrix', number[][]> {
  readonly kind = 'confusionMatrix';
  override readonly better = undefined;
  override readonly form = 'matrix';
  readonly #options: Options;

  constructor(options: Options) {
    super();
    this.#options = options;
  }

  checkLoss(loss: Loss, outputShape: Shape): string | undefined {
    if (tellsClasses(loss)) {
      if (this.#options.threshold === undefined) return undefined;
      return `the metric confusionMatrix has a threshold, and under ${loss.kind} the largest output decides; leave it out`;
    }
    if (!answersYesOrNo(loss)) return misfit(this.kind, 'needs classes to tell apart', loss);
    if (sizeOf(outputShape) === 1) return undefined;
    return `the metric confusionMatrix needs one output a class or a single one, and the model gives ${sizeOf(outputShape)} answers a sample; use precision and recall`;
  }

  override toSpec(loss: Loss): Spec {
    const { normalize, threshold } = this.#options;
    const yesOrNo = tellsClasses(loss) ? {} : { threshold: threshold ?? defaultThreshold(loss) };
    return { kind: this.kind, normalize, ...yesOrNo };
  }
}
