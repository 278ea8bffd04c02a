import { GradloomError } from '../core/errors.ts';
import {
  integer,
  listThat,
  nonNegative,
  numberThat,
  oneOf,
  optional,
  readOptions,
  withDefault,
} from '../core/options.ts';
import { formatShape, type Shape } from '../core/shape.ts';
import type { Spec } from '../native/index.ts';
import {
  type Classes,
  checkEachValue,
  checkEndsInLogits,
  checkValueLabels,
  formatFloat,
  type LabelsInfo,
  type LabelsProblem,
  Loss,
} from './loss.ts';

export interface SoftmaxCrossEntropyOptions<
  Targets extends 'classes' | 'distributions' = 'classes' | 'distributions',
> {
  /**
   * `'classes'`: labels are class indices. `'distributions'`: labels are values, a probability for each class, at
   * least 0 and with a sum of 1 (to within a thousandth); what a sample weighs is said by `sampleWeights`. Default:
   * `'classes'`.
   */
  readonly targets?: Targets;
  /** The share of a target that is spread evenly over all classes, from 0 to 1. Default: 0. */
  readonly labelSmoothing?: number;
  /**
   * What each class counts, at least 0. With class indices, a batch's loss is divided by the sum of its
   * samples' class weights instead of their number, as in PyTorch. Default: 1 for all.
   */
  readonly classWeights?: readonly number[];
  /**
   * Samples labelled so count for nothing: neither in the loss, which is divided by the number of the others
   * (and 0 where there is none), nor in metrics. It may lie beyond the model's classes, for instance 255.
   * Needs class indices. Default: none.
   */
  readonly ignoreIndex?: number;
}

const OPTIONS = {
  targets: withDefault(oneOf('classes', 'distributions'), 'classes'),
  labelSmoothing: withDefault(
    numberThat('a number from 0 to 1', (value) => value >= 0 && value <= 1),
    0,
  ),
  classWeights: optional(listThat('a list of finite numbers of at least 0, one a class', nonNegative)),
  ignoreIndex: optional(integer(-(2 ** 31), 2 ** 31 - 1)),
};

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>;

/**
 * For one class of several: softmax and the negative logarithm of the labelled class's probability, in one.
 *
 * Outputs `[classes]`, logits; labels are class indices from 0, or distributions over the classes. With
 * target `q`, per sample `-sum(q log softmax(z))`, computed around the largest logit, so that it holds for
 * logits of any size. `q` is `w ((1 - s) onehot(label) + s / classes)` with smoothing `s` and class weights
 * `w`.
 *
 * Throws `INVALID_OPTION` for options out of their range.
 */
export function softmaxCrossEntropy(
  options: SoftmaxCrossEntropyOptions<'distributions'> & {
    readonly targets: 'distributions';
  },
): Loss<'values'>;
export function softmaxCrossEntropy(options?: SoftmaxCrossEntropyOptions<'classes'>): Loss<'class'>;
export function softmaxCrossEntropy(options: SoftmaxCrossEntropyOptions = {}): Loss {
  const read = readOptions('softmaxCrossEntropy', options, OPTIONS);
  if (read.ignoreIndex !== undefined && read.targets === 'distributions') {
    throw new GradloomError(
      'INVALID_OPTION',
      'softmaxCrossEntropy: ignoreIndex needs class indices; leave out targets "distributions"',
    );
  }
  return new SoftmaxCrossEntropy(read);
}

class SoftmaxCrossEntropy extends Loss {
  readonly kind = 'softmaxCrossEntropy';
  readonly labelKinds: readonly ['class'] | readonly ['values'];
  readonly outputs = 'classLogits';
  readonly #options: Options;

  constructor(options: Options) {
    super();
    this.labelKinds = options.targets === 'classes' ? ['class'] : ['values'];
    this.#options = options;
  }

  override toSpec(): Spec {
    return { kind: this.kind, ...this.#options };
  }

  checkOutput(outputShape: Shape, ending: string): string | undefined {
    const [classes = 0] = outputShape;
    if (outputShape.length !== 1 || classes < 2) {
      return `${this.kind} needs one output a class, at least 2, and the model gives ${formatShape(outputShape)}; end it with dense({ units: <classes> })`;
    }
    const { classWeights } = this.#options;
    if (classWeights !== undefined && classWeights.length !== classes) {
      return `${this.kind} has ${classWeights.length} classWeights, and the model outputs for ${classes} classes; give one weight a class`;
    }
    return checkEndsInLogits(this.kind, ending);
  }

  checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined {
    if (labels.labelKind === 'values') {
      return checkValueLabels(this.kind, labels, outputShape) ?? checkDistributions(this.kind, labels);
    }
    const [classes = 0] = outputShape;
    const { ignoreIndex } = this.#options;
    const wrong = labels.findWrong(
      (given, at) => (given[at] as number) < classes || given[at] === ignoreIndex,
    );
    if (wrong === undefined) return undefined;
    const units = labels.highestClass(ignoreIndex) + 1;
    const text = `sample ${wrong.place} has class ${wrong.values[0]}, and the model has outputs for classes 0 to ${classes - 1}; end it with dense({ units: ${units} })`;
    return { code: 'LABEL_OUT_OF_RANGE', text };
  }

  override classify(outputs: Float32Array, width: number): Classes {
    const count = outputs.length / width;
    const labels = new Int32Array(count);
    const probabilities = new Float32Array(outputs.length);
    for (let row = 0; row < count; row++) {
      const logits = outputs.subarray(row * width, (row + 1) * width);
      labels[row] = indexOfMax(logits);
      probabilities.set(softmaxOf(logits), row * width);
    }
    return { labels, probabilities };
  }
}

/** How far float32 probabilities may be from a sum of 1. */
const SUM_TOLERANCE = 1e-3;

function checkDistributions(kind: string, labels: LabelsInfo): LabelsProblem | undefined {
  const negative = checkEachValue(kind, labels, 'probabilities of at least 0', (value) => value >= 0);
  if (negative !== undefined) return negative;
  const sumOf = (values: ArrayLike<number>, first: number, end: number) => {
    let sum = 0;
    for (let i = first; i < end; i++) sum += values[i] as number;
    return sum;
  };
  const wrong = labels.findWrong(
    (values, first, end) => Math.abs(sumOf(values, first, end) - 1) <= SUM_TOLERANCE,
  );
  if (wrong === undefined) return undefined;
  const sum = formatFloat(sumOf(wrong.values, 0, wrong.values.length));
  const text = `${kind} takes probabilities with a sum of 1, and those of sample ${wrong.place} sum up to ${sum}; divide them by it, and use sampleWeights for what a sample weighs`;
  return { code: 'LABEL_OUT_OF_RANGE', text };
}

function softmaxOf(logits: Float32Array): Float64Array {
  const max = logits[indexOfMax(logits)] as number;
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

/** Of equal values the first. */
function indexOfMax(values: Float32Array): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] as number) > (values[best] as number)) best = index;
  }
  return best;
}
