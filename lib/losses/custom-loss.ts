import { GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, oneOf, readOptions, required, text, withDefault } from '../core/options.ts';
import { formatShape, type Shape } from '../core/shape.ts';
import type { NativeLossFunction, Spec } from '../native/index.ts';
import {
  checkValueLabels,
  type LabelsInfo,
  type LabelsProblem,
  Loss,
  type LossCall,
  type LossLabelKind,
} from './loss.ts';

/** What a custom loss is told of a batch beside outputs and targets. */
export interface CustomLossContext {
  readonly batchSize: number;
  /** Outputs of one sample. */
  readonly outputSize: number;
  /** `'evaluation'` asks for the value alone. */
  readonly purpose: 'training' | 'evaluation';
  /** One a sample, with `sampleWeights: 'given'` and a data set that has them. */
  readonly sampleWeights: Float32Array | undefined;
}

export interface CustomLossResult {
  /** The mean over the batch's samples. */
  readonly value: number;
  /** Its derivative by each output, in their order. May be left out in an evaluation. */
  readonly gradient?: ArrayLike<number>;
}

export interface CustomLossOptions<LabelKind extends LossLabelKind = LossLabelKind> {
  /** Stands for the loss in errors and files, which hold no functions. */
  readonly name: string;
  /** `'values'`: as many values a sample as outputs; `'class'`: a class index. Default: `'values'`. */
  readonly labels?: LabelKind;
  /** What outputs mean, so that metrics know: see `Loss.outputs`. Default: `'values'`. */
  readonly outputs?: Loss['outputs'];
  /** Whether `loss` reads `context.sampleWeights`, or data sets that have them are refused. Default: `'refused'`. */
  readonly sampleWeights?: 'refused' | 'given';
  /**
   * The loss of a batch: `outputs` and `targets` hold one sample after another, `[batchSize, outputSize]`, or a class a
   * sample. Both are copies. Called on the event loop, at once, not awaited. What it throws ends the run or evaluation.
   */
  readonly loss: (
    outputs: Float32Array,
    targets: LabelKind extends 'class' ? Int32Array : Float32Array,
    context: CustomLossContext,
  ) => CustomLossResult;
}

type LossFunction = (outputs: Float32Array, targets: never, context: CustomLossContext) => CustomLossResult;

const OPTIONS = {
  name: required(text),
  labels: withDefault(oneOf('values', 'class'), 'values'),
  outputs: withDefault(oneOf('values', 'classLogits', 'binaryLogits', 'margins', 'logRates'), 'values'),
  sampleWeights: withDefault(oneOf('refused', 'given'), 'refused'),
  loss: required(guardedBy('a function', (given): given is LossFunction => typeof given === 'function')),
};

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>;

/**
 * A loss of your own, by its value and its gradient with respect to the outputs. Works wherever a loss does: in `fit`,
 * in `evaluate`, for validation.
 *
 * Slower than a built-in loss: the training thread asks the event loop once a batch and waits for its answer, so that a
 * busy event loop holds training up. A run can be stopped while it waits.
 *
 * A file that a model or trainer is saved to names the loss only. `loadModel` gives a model that predicts, and whose
 * `evaluate` asks for a loss; `Trainer.load` takes the loss as one of its `custom` functions.
 *
 * @example
 * const loss = customLoss({
 *   name: 'quantile',
 *   loss(outputs, targets) {
 *     const errors = outputs.map((output, i) => output - (targets[i] ?? 0));
 *     const slopes = errors.map((error) => (error > 0 ? 0.1 : -0.9) / errors.length);
 *     return { value: errors.reduce((sum, error, i) => sum + error * (slopes[i] ?? 0), 0), gradient: slopes };
 *   },
 * });
 * new Trainer(model, { optimizer: adagrad(), loss });
 */
export function customLoss<LabelKind extends LossLabelKind = 'values'>(
  options: CustomLossOptions<LabelKind>,
): Loss<LabelKind> {
  return new CustomLoss<LabelKind>(readOptions('customLoss', options, OPTIONS));
}

/** How files name a custom loss. */
const KIND = 'custom';

export class CustomLoss<LabelKind extends LossLabelKind = LossLabelKind> extends Loss<LabelKind> {
  readonly kind: string;
  readonly labelKinds: readonly LabelKind[];
  readonly outputs: Loss['outputs'];
  readonly #options: Options;

  constructor(options: Options) {
    super();
    this.kind = options.name;
    this.labelKinds = [options.labels as LabelKind];
    this.outputs = options.outputs;
    this.#options = options;
  }

  override toSpec(): Spec {
    const { name, labels, outputs } = this.#options;
    return { kind: KIND, name, labels, outputs };
  }

  checkOutput(outputShape: Shape): string | undefined {
    const [classes = 0] = outputShape;
    if (this.#options.labels === 'values' || (outputShape.length === 1 && classes > 1)) return undefined;
    return `${this.kind} with class labels needs one output a class, and the model gives ${formatShape(outputShape)}; end it with dense({ units: <classes> }), or take labels as values`;
  }

  checkLabels(labels: LabelsInfo, outputShape: Shape): LabelsProblem | undefined {
    if (labels.isWeighted && this.#options.sampleWeights === 'refused') {
      const text = `there are sampleWeights, which the custom loss ${this.kind} does not read; let it, with sampleWeights: "given"`;
      return { code: 'INVALID_DATA', text };
    }
    if (labels.labelKind === 'values') return checkValueLabels(this.kind, labels, outputShape);
    const [classes = 0] = outputShape;
    const wrong = labels.findWrong((given, at) => (given[at] as number) < classes);
    if (wrong === undefined) return undefined;
    const text = `sample ${wrong.place} has class ${wrong.values[0]}, and the model has outputs for classes 0 to ${classes - 1}`;
    return { code: 'LABEL_OUT_OF_RANGE', text };
  }

  /** The loss's function as the native side calls it, and what it threw. */
  override startCalls(): LossCall {
    let failure: { readonly error: unknown } | undefined;
    const compute: NativeLossFunction = (...batch) => {
      try {
        return this.#compute(...batch);
      } catch (error) {
        failure = { error };
        return undefined;
      }
    };
    return { compute, failure: () => failure };
  }

  #compute(...[outputs, labels, sampleWeights, gradient, batchSize]: Parameters<NativeLossFunction>): number {
    const result: unknown = this.#options.loss(outputs, labels as never, {
      batchSize,
      outputSize: outputs.length / batchSize,
      purpose: gradient === undefined ? 'evaluation' : 'training',
      sampleWeights,
    });
    return readResult(this.kind, result, gradient);
  }
}

/** Checks what a user's function returned and hands the gradient over. */
function readResult(kind: string, result: unknown, gradient: Float32Array | undefined): number {
  const given = (typeof result === 'object' && result !== null ? result : {}) as Partial<CustomLossResult>;
  if (typeof given.value !== 'number') {
    throw invalid(
      `${kind} must return { value, gradient } with a number as value, got ${formatValue(result)}`,
    );
  }
  if (gradient === undefined) return given.value;
  const length: unknown = given.gradient?.length;
  if (given.gradient === undefined || length !== gradient.length) {
    throw invalid(
      `${kind} must return a gradient of ${gradient.length} numbers, one an output, got ${length === undefined ? 'none' : formatValue(length)}`,
    );
  }
  gradient.set(given.gradient);
  return given.value;
}

function invalid(text: string): GradloomError {
  return new GradloomError('INVALID_DATA', `the custom loss ${text}`);
}

/** A custom loss that was read from a file: its name is known, its function is not. */
export class NamedLoss extends Loss {
  readonly kind: string;
  readonly labelKinds: readonly LossLabelKind[];
  readonly outputs: Loss['outputs'];
  readonly #options: Pick<Options, 'name' | 'labels' | 'outputs'>;

  constructor(operation: string, given: object) {
    super();
    const { kind: _, ...options } = readOptions(operation, given, NAMED);
    this.kind = options.name;
    this.labelKinds = [options.labels];
    this.outputs = options.outputs;
    this.#options = options;
  }

  override toSpec(): Spec {
    return { kind: KIND, ...this.#options };
  }

  checkOutput(): string {
    return `the custom loss ${this.kind} is known by its name only, as files hold no functions; give it again, { loss: customLoss(...) } to evaluate or { custom: [customLoss(...)] } to Trainer.load`;
  }

  checkLabels(): undefined {
    return undefined;
  }
}

const NAMED = { kind: required(text), name: OPTIONS.name, labels: OPTIONS.labels, outputs: OPTIONS.outputs };

/** Whether a description from a file is of a custom loss. */
export function isCustomLoss(given: unknown): given is object {
  return typeof given === 'object' && given !== null && 'kind' in given && given.kind === KIND;
}
