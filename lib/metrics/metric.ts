import type { Shape } from '../core/shape.ts';
import type { Loss } from '../losses/loss.ts';
import type { NativeFigure, NativeSamplesSeen, Spec } from '../native/index.ts';

/** What a metric comes to: a number, a list (one a class, say) or a matrix. */
export type Figure = number | number[] | number[][];

/**
 * A figure to watch beside the loss. It appears in evaluations and epochs under its kind, as a `Value`. Weights of
 * samples are the loss's alone; samples that the loss ignores count in no metric either. Where no sample counts,
 * a figure is NaN.
 */
export abstract class Metric<Kind extends string = string, Value extends Figure = Figure> {
  abstract readonly kind: Kind;
  /** Which of two figures is the better one; undefined where they are not numbers to compare. */
  readonly better: 'higher' | 'lower' | undefined = 'higher';

  /** What a figure is; a custom metric's is known when it is there. */
  readonly form: 'number' | 'list' | 'matrix' = 'number';

  /** What is wrong with this metric beside `loss`, for outputs of this shape, or undefined. */
  abstract checkLoss(loss: Loss, outputShape: Shape): string | undefined;

  /** The metric as the native side and files read it, for a network trained with `loss`. */
  toSpec(_loss: Loss, _outputShape: Shape): Spec {
    return { kind: this.kind };
  }

  /** The figure as users see it, of what the native side gives. */
  read(figure: NativeFigure, _samples: NativeSamplesSeen): Value {
    return figure as Value;
  }
}
