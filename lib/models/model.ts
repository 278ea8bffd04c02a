import { awaitNative, callNative, GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  oneOf,
  optional,
  readOptions,
  readValue,
  text,
  threads,
  withDefault,
} from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { Dataset, type LabelKind } from '../datasets/dataset.ts';
import { nativeSamples } from '../datasets/native-samples.ts';
import type { Preprocessing } from '../datasets/preprocessing.ts';
import { writeFileAtomic } from '../formats/files.ts';
import type { Loss } from '../losses/loss.ts';
import type { LossChoice } from '../losses/make-loss.ts';
import type { FiguresOf, MetricChoice } from '../metrics/make-metrics.ts';
import {
  type NativeLayerInfo,
  type NativeModel,
  type NativePlanInfo,
  type NativeSamples,
  native,
} from '../native.ts';
import { encodeModelFile, type TrainingRecord } from './model-file.ts';
import type { Network } from './network.ts';
import {
  checkDataset,
  type Evaluation,
  evaluateObjective,
  makeObjective,
  readLabelled,
} from './objective.ts';
import {
  checkSamePreprocessing,
  IDENTITY,
  type NativePreprocessing,
  toNativePreprocessing,
} from './preprocessing.ts';
import { type RawSamples, readSamples } from './samples.ts';
import { formatSummary } from './summary.ts';
import { nameWeights, orderWeights, type Weights } from './weights.ts';

export interface PredictOptions {
  /** Samples a pass through the network. Default: 256. */
  readonly batchSize?: number;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
}

/** Values of `[samples, ...shape of one]`, one sample after another. */
export interface Predictions<Output extends Shape = Shape> {
  readonly data: Float32Array;
  readonly shape: readonly [count: number, ...output: Output];
}

export interface Classification<Output extends Shape = Shape> {
  /** The class of each sample; with several independent outputs 0 or 1 for each output. */
  readonly labels: Int32Array;
  /** Of each class; with one output of class 1. */
  readonly probabilities: Predictions<Output>;
}

export interface EvaluateOptions<Metrics extends readonly MetricChoice[] = readonly MetricChoice[]>
  extends PredictOptions {
  /** Default: the loss that the model was trained with. */
  readonly loss?: LossChoice;
  /** Default: none. */
  readonly metrics?: Metrics;
}

export interface PlanOptions {
  /** Default: 32. */
  readonly batchSize?: number;
  /** Default: `'train'`. */
  readonly mode?: 'train' | 'predict';
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
}

const PREDICT_OPTIONS = { batchSize: withDefault(extent, 256), threads: withDefault(threads, 0) };
const EVALUATE_OPTIONS = {
  ...PREDICT_OPTIONS,
  loss: optional(anything('a loss such as "softmaxCrossEntropy"')),
  metrics: withDefault(anything('a list of metrics such as ["accuracy"]'), []),
};
const PLAN_OPTIONS = {
  batchSize: withDefault(extent, 32),
  mode: withDefault(oneOf('train', 'predict'), 'train'),
  threads: withDefault(threads, 0),
};

/** What others may ask of the run that trains a model. */
export interface RunInProgress {
  /** Whether the training thread waits for its callers at an epoch's end. */
  isAtEpochEnd(): boolean;
}

/** What trainers and files know of a model. */
export interface ModelState {
  readonly native: NativeModel;
  readonly network: Network;
  /** What it was trained with, from its first `fit` on. */
  training: TrainingRecord | undefined;
  /** The run that trains it now. */
  run: RunInProgress | undefined;
}

/** The inner state of a model, for the modules beside this one. */
export let stateOf: (model: Model) => ModelState;

/**
 * A network and its weights. Made by `sequential` or `loadModel`, trained by a `Trainer`.
 *
 * `Input` and `Output` are the shapes of one sample, channels last. The memory of the weights is native,
 * accounted to V8 and freed when the model is collected.
 */
export class Model<Input extends Shape = Shape, Output extends Shape = Shape> {
  readonly inputShape: Input;
  readonly outputShape: Output;
  /**
   * In order; each with its output's shape, the number of its parameters and the operations of one sample.
   */
  readonly layers: readonly NativeLayerInfo[];
  readonly parameterCount: number;
  readonly #state: ModelState;

  static {
    stateOf = (model) => model.#state;
  }

  /** @internal Use `sequential`. */
  constructor(
    network: Network,
    options: {
      readonly seed: number;
      readonly training?: TrainingRecord | undefined;
      readonly maxParameters?: number | undefined;
    },
  ) {
    const { seed, maxParameters } = options;
    const inner = callNative(() => new native.Model({ ...network, seed, maxParameters }));
    this.inputShape = network.inputShape as Input;
    this.outputShape = Object.freeze([...inner.outputShape]) as Shape as Output;
    this.layers = Object.freeze(inner.layers.map((layer) => Object.freeze(layer)));
    this.parameterCount = this.layers.reduce((sum, layer) => sum + layer.parameterCount, 0);
    this.#state = { native: inner, network, training: options.training, run: undefined };
    Object.freeze(this);
  }

  /** A table of the layers with their output shapes and parameters. */
  summary(): string {
    return formatSummary(this.inputShape, this.layers);
  }

  /** How a step of this batch size would run: each layer's algorithm, layout and memory. */
  plan(options: PlanOptions = {}): NativePlanInfo {
    const { batchSize, mode, threads } = readOptions('plan', options, PLAN_OPTIONS);
    return callNative(() => this.#state.native.plan(batchSize, mode, threads));
  }

  /** Copies of all weights by name, as of a step's boundary while the model trains. */
  getWeights(): Weights {
    const { native: inner } = this.#state;
    return callNative(() => nameWeights(inner.parameters, inner.getParameters()));
  }

  /**
   * Replaces all weights, by copies of the given ones.
   *
   * Throws `INVALID_DATA` unless just the model's weights are given, `SHAPE_MISMATCH` for one of another
   * shape, `MODEL_BUSY` while the model trains; then nothing is changed.
   */
  setWeights(weights: Weights): void {
    const { native: inner } = this.#state;
    const values = orderWeights('setWeights', inner.parameters, weights);
    callNative(() => inner.setParameters(values));
  }

  /**
   * What the last layer gives, on a thread of its own; under a cross-entropy loss those are logits (see
   * `classify`). Raw samples are put through the preprocessing of the data that the model was trained on; a
   * dataset brings its own. While the model trains, its weights are those of a step's boundary.
   *
   * Rejects with `SHAPE_MISMATCH` when the samples are not of the model's input shape.
   */
  async predict(
    inputs: RawSamples | Dataset<Input, LabelKind>,
    options: PredictOptions = {},
  ): Promise<Predictions<Output>> {
    const settings = readOptions('predict', options, PREDICT_OPTIONS);
    const samples = this.#samples('predict', inputs);
    return this.#predictions(
      await awaitNative(() => this.#state.native.predict(samples, settings)),
      samples.count,
    );
  }

  /**
   * As `predict`, but on this thread: for small models whose answer takes microseconds.
   *
   * Throws `MODEL_BUSY` while the model trains.
   */
  predictSync(
    inputs: RawSamples | Dataset<Input, LabelKind>,
    options: PredictOptions = {},
  ): Predictions<Output> {
    const settings = readOptions('predictSync', options, PREDICT_OPTIONS);
    const samples = this.#samples('predictSync', inputs);
    return this.#predictions(
      callNative(() => this.#state.native.predictSync(samples, settings)),
      samples.count,
    );
  }

  /**
   * The class of each sample and the probabilities, by the loss that the model was trained with: the most
   * probable class under softmaxCrossEntropy, 1 for a probability above 0.5 under sigmoidBinaryCrossEntropy.
   *
   * Rejects with `INVALID_OPTION` when the model was not trained yet or its loss knows no classes.
   */
  async classify(
    inputs: RawSamples | Dataset<Input, LabelKind>,
    options: PredictOptions = {},
  ): Promise<Classification<Output>> {
    const settings = readOptions('classify', options, PREDICT_OPTIONS);
    const loss = this.#trainedLoss('classify', 'use predict for the values of the last layer');
    const samples = this.#samples('classify', inputs);
    const outputs = await awaitNative(() => this.#state.native.predict(samples, settings));
    const classes = loss.classify(outputs, outputs.length / samples.count);
    if (classes === undefined) {
      throw new GradloomError(
        'INVALID_OPTION',
        `classify: the model was trained with ${loss.kind}, which knows no classes; use predict`,
      );
    }
    return { labels: classes.labels, probabilities: this.#predictions(classes.probabilities, samples.count) };
  }

  /**
   * The mean loss over a dataset's samples, and metrics.
   *
   * Rejects with `INVALID_DATA` when the labels do not fit the loss or the dataset is preprocessed otherwise
   * than the training data.
   */
  async evaluate<const Metrics extends readonly MetricChoice[] = readonly []>(
    dataset: Dataset<Input, LabelKind>,
    options: EvaluateOptions<Metrics> = {},
  ): Promise<Evaluation<FiguresOf<Metrics[number]>>> {
    const { loss, metrics, ...settings } = readOptions('evaluate', options, EVALUATE_OPTIONS);
    const { native: inner, network, training } = this.#state;
    const objective = makeObjective('evaluate', network, this.outputShape, {
      loss: loss ?? this.#trainedLoss('evaluate', 'name one: { loss: "softmaxCrossEntropy" }'),
      metrics,
    });
    const checked = checkDataset('evaluate', 'the dataset', dataset, this.inputShape);
    if (training !== undefined) {
      checkPreprocessing('evaluate', 'the dataset', checked, training.preprocessing);
    }
    const samples = readLabelled('evaluate', 'the dataset', checked, objective.loss, this.outputShape);
    return evaluateObjective(inner, objective, samples, settings);
  }

  /**
   * Writes the network, its weights, preprocessing and loss to a safetensors file, all or nothing: until the
   * new file is whole, an old one stays. Read by `loadModel`. While the model trains, its weights are those
   * of a step's boundary.
   */
  async save(path: string): Promise<void> {
    readValue('save', 'path', path, text);
    const { network, training } = this.#state;
    const file = encodeModelFile({ network, training, tensors: this.getWeights(), trainer: undefined });
    await writeFileAtomic(path, file);
  }

  /**
   * Frees the model's native memory now, for `using model = ...`. Never needed: memory is freed when the model is collected.
   * Every later call throws `MODEL_DISPOSED`. Throws `MODEL_BUSY` while the model trains.
   */
  [Symbol.dispose](): void {
    callNative(() => this.#state.native.dispose());
  }

  #samples(operation: string, inputs: unknown): NativeSamples {
    if (inputs instanceof Dataset) {
      return nativeSamples(checkDataset(operation, 'the dataset', inputs, this.inputShape));
    }
    return readSamples(operation, inputs, this.inputShape, nativePreprocessingOf(this.#state.training));
  }

  #predictions(data: Float32Array, count: number): Predictions<Output> {
    return { data, shape: [count, ...this.outputShape] };
  }

  #trainedLoss(operation: string, remedy: string): Loss {
    const loss = this.#state.training?.loss;
    if (loss !== undefined) return loss;
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: the model was not trained yet and so has no loss; train it, or ${remedy}`,
    );
  }
}

/** Refuses data that were preprocessed otherwise than those that a model was trained on. */
export function checkPreprocessing(
  operation: string,
  name: string,
  dataset: Dataset,
  trained: Preprocessing,
): void {
  checkSamePreprocessing(operation, [name, dataset.preprocessing], ["the model's training data", trained]);
}

function nativePreprocessingOf(training: TrainingRecord | undefined): NativePreprocessing {
  return toNativePreprocessing(training?.preprocessing ?? IDENTITY);
}
