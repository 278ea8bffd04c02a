import { GradloomError } from '../core/errors.ts';
import {
  integer,
  numberThat,
  oneOf,
  optional,
  type Rule,
  readOptions,
  withDefault,
} from '../core/options.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { Loss } from '../losses/loss.ts';
import type { Spec } from '../native/index.ts';
import { answersYesOrNo, defaultThreshold, misfit, tellsClasses } from './fitting.ts';
import { type Figure, Metric } from './metric.ts';

export type ClassAverage = 'macro' | 'micro' | 'weighted' | 'none';

/** Options of `precision`, `recall` and `f1`. */
export interface ClassFigureOptions<Average extends ClassAverage = ClassAverage> {
  /**
   * `'macro'`: the mean over classes; `'weighted'`: weighted by the number of samples of each; `'micro'`: of the
   * counts of all classes together; `'none'`: a list, one figure a class. As in scikit-learn, the macro average
   * leaves out classes that neither a label nor a prediction names. Default: the positive class alone for a single
   * yes-or-no output (scikit-learn's `'binary'`), else `'macro'`.
   */
  readonly average?: Average;
  /** The class that counts alone, in place of an average: 0 or 1 for a single output. Default: see `average`. */
  readonly positiveClass?: number;
  /**
   * Of yes-or-no outputs: one above it counts as 1. Default: 0 where outputs are logits or margins, else 0.5.
   * Where there is one output a class, the largest decides.
   */
  readonly threshold?: number;
  /** The figure where it would be 0 divided by 0. Default: 0. */
  readonly zeroDivision?: 0 | 1;
}

const zeroOrOne: Rule<0 | 1> = {
  expected: '0 or 1',
  read: (given) => (given === 0 || given === 1 ? given : undefined),
};
const OPTIONS = {
  average: optional(oneOf('macro', 'micro', 'weighted', 'none')),
  positiveClass: optional(integer(0, 2 ** 31 - 1)),
  threshold: optional(numberThat('a finite number', () => true)),
  zeroDivision: withDefault(zeroOrOne, 0),
};

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>;

/** What `precision`, `recall` and `f1` share. */
export abstract class ClassFigure<Kind extends string, Value extends Figure> extends Metric<Kind, Value> {
  override readonly form: 'number' | 'list';
  readonly #options: Options;

  constructor(kind: Kind, given: ClassFigureOptions) {
    super();
    this.#options = readOptions(kind, given, OPTIONS);
    this.form = this.#options.average === 'none' ? 'list' : 'number';
    if (this.#options.average !== undefined && this.#options.positiveClass !== undefined) {
      throw new GradloomError(
        'INVALID_OPTION',
        `${kind}: positiveClass counts alone, in place of an average; leave out one of them`,
      );
    }
  }

  checkLoss(loss: Loss, outputShape: Shape): string | undefined {
    const { positiveClass, threshold } = this.#options;
    if (!tellsClasses(loss) && !answersYesOrNo(loss)) {
      return misfit(this.kind, 'needs classes to tell apart', loss);
    }
    if (tellsClasses(loss) && threshold !== undefined) {
      return `the metric ${this.kind} has a threshold, and under ${loss.kind} the largest output decides; leave it out`;
    }
    if (positiveClass === undefined) return undefined;
    const outputs = sizeOf(outputShape);
    if (!tellsClasses(loss) && outputs > 1) {
      return `the metric ${this.kind} has a positiveClass, and the model gives ${outputs} answers a sample, each a class of its own; use average`;
    }
    const classes = Math.max(2, outputs);
    if (positiveClass < classes) return undefined;
    return `the metric ${this.kind} has the positiveClass ${positiveClass}, and the model tells classes 0 to ${classes - 1} apart`;
  }

  override toSpec(loss: Loss, outputShape: Shape): Spec {
    const { average, positiveClass, threshold, zeroDivision } = this.#options;
    const yesOrNo = !tellsClasses(loss);
    const alone = yesOrNo && sizeOf(outputShape) === 1 && average === undefined ? 1 : undefined;
    const positive = positiveClass ?? alone;
    return {
      kind: this.kind,
      ...(positive === undefined ? { average: average ?? 'macro' } : { positiveClass: positive }),
      ...(yesOrNo ? { threshold: threshold ?? defaultThreshold(loss) } : {}),
      zeroDivision,
    };
  }
}
