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
import type { Table } from '../datasets/table.ts';
import { writeFileAtomic } from '../formats/files.ts';
import { withGivenValues } from '../layers/given-values.ts';
import type { Layer } from '../layers/layer.ts';
import type { Loss } from '../losses/loss.ts';
import type { LossChoice } from '../losses/make-loss.ts';
import type { FiguresOf, MetricChoice } from '../metrics/make-metrics.ts';
import {
  type NativeLabelledSamples,
  type NativeLayerInfo,
  type NativeModel,
  type NativePlanInfo,
  type NativeSamples,
  native,
} from '../native.ts';
import { findFeatureOrders } from './feature-order.ts';
import { FORK_OPTIONS, type ForkOptions, findRange, forkLayers, isParameterOf } from './fork.ts';
import { GRADIENT_OPTIONS, type GradientOptions, type Gradients, readPlaces } from './gradient.ts';
import {
  LOAD_PYTORCH_OPTIONS,
  type LoadPyTorchOptions,
  type PyTorchReport,
  readStateDict,
  selectStateDict,
} from './load-pytorch.ts';
import {
  checkAllFit,
  LOAD_WEIGHTS_OPTIONS,
  type LoadReport,
  type LoadWeightsOptions,
  makeRename,
  readTensors,
  readWeights,
  selectWeights,
} from './load-weights.ts';
import { encodeModelFile } from './model-file.ts';
import { type Network, toLayerSpecs } from './network.ts';
import {
  checkDataset,
  type Evaluation,
  evaluateObjective,
  makeObjective,
  type Objective,
  readLabelled,
} from './objective.ts';
import type { OutputShapeOf } from './output-shape.ts';
import { type RawSamples, readSamples } from './samples.ts';
import { formatSummary } from './summary.ts';
import { checkSameReading, type TrainingRecord } from './training-record.ts';
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
  /** The name of each sample's class; undefined where the training data named none. */
  readonly names: readonly string[] | undefined;
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
    const layers = toLayerSpecs(network).map(withGivenValues);
    const inner = callNative(
      () => new native.Model({ inputShape: network.inputShape, layers, seed, maxParameters }),
    );
    this.inputShape = network.inputShape as Input;
    this.outputShape = Object.freeze([...inner.outputShape]) as Shape as Output;
    this.layers = Object.freeze(inner.layers.map((layer) => Object.freeze(layer)));
    this.parameterCount = this.layers.reduce((sum, layer) => sum + layer.parameterCount, 0);
    this.#state = { native: inner, network, training: options.training, run: undefined };
    Object.freeze(this);
  }

  /**
   * The columns, types, categories and fills of the table that the model was trained on, if it was: `predict` reads rows by
   * them, and `csv(path, { like: model.table })` a file.
   */
  get table(): Table | undefined {
    return this.#state.training?.table;
  }

  /** The names of the classes that the model was trained to tell, where its data had names. */
  get classNames(): readonly string[] | undefined {
    return this.#state.training?.classNames;
  }

  /**
   * A table of the layers with their output shapes, parameters, bytes of weights and floating-point operations of one
   * forward pass of one sample, with the totals. The numbers themselves stand in `layers`.
   */
  summary(): string {
    return formatSummary(this.inputShape, this.layers);
  }

  /**
   * What raw samples are put through, `x * scale + shift`: the preprocessing of the data that the model was trained on.
   * Undefined before.
   */
  get preprocessing(): Preprocessing | undefined {
    return this.#state.training?.preprocessing;
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
   * Sets weights by name from a file (a saved model, a checkpoint, any safetensors file of float tensors) or from an
   * object such as `getWeights()` of another model gives. What takes part, under which names, and whether all of it
   * must fit say the options. Nothing is changed before everything is checked.
   *
   * Rejects, unless `strict: false`, with `INVALID_DATA` or `SHAPE_MISMATCH` and all names that do not fit; with
   * `MODEL_BUSY` while the model trains; and as `loadModel` does for files.
   *
   * @example
   * const { missing } = await model.loadWeights('old.safetensors', { match: /^conv/, strict: false });
   */
  async loadWeights(source: string | Weights, options: LoadWeightsOptions = {}): Promise<LoadReport> {
    const { rename, match, strict } = readOptions('loadWeights', options, LOAD_WEIGHTS_OPTIONS);
    const tensors =
      typeof source === 'string'
        ? await readTensors(readValue('loadWeights', 'path', source, text))
        : readWeights('loadWeights', source);
    const selection = selectWeights('loadWeights', this.#state.native.parameters, tensors, {
      rename: makeRename('loadWeights', tensors, rename),
      match,
    });
    if (strict) checkAllFit('loadWeights', selection.report);
    this.#overlay(selection.weights);
    return selection.report;
  }

  /**
   * Sets weights from the state dict of a PyTorch model of the same layers, written by
   * `safetensors.torch.save_file(model.state_dict(), path)`. Convolutions are taken as they are; what reads a flattened
   * map has its columns brought from `[C, H, W]` to `[H, W, C]`; batch norm's running statistics come along. The report
   * says which module was taken for which layer and why. Activations and paddings are the caller's to match: compare
   * the predictions of a few samples.
   *
   * Rejects as `loadWeights` does, and names modules that may be several layers: say with `map` which.
   *
   * @example
   * await model.loadPyTorch('net.safetensors', { map: { 'features.0': 'conv2d_1', 'features.3': 'conv2d_2' } });
   */
  async loadPyTorch(path: string, options: LoadPyTorchOptions = {}): Promise<PyTorchReport> {
    const { map, match, strict } = readOptions('loadPyTorch', options, LOAD_PYTORCH_OPTIONS);
    const tensors = await readStateDict(readValue('loadPyTorch', 'path', path, text));
    const { parameters } = this.#state.native;
    const names = parameters.map(({ name }) => name);
    const orders = findFeatureOrders('loadPyTorch', this.#state.network, this.layers, names);
    const selection = selectStateDict('loadPyTorch', parameters, orders, tensors, { map, match });
    if (strict) {
      const remedy = 'name layers with map, choose with match, or load what fits with strict: false';
      checkAllFit('loadPyTorch', selection.report, { remedy, notes: selection.ambiguous });
    }
    this.#overlay(selection.weights);
    return selection.report;
  }

  /**
   * A model of the same network with weights of its own, equal bit for bit, and the same preprocessing and loss. While
   * the model trains, the weights are those of a step's boundary.
   */
  clone(): Model<Input, Output> {
    const { network, training } = this.#state;
    const copy = new Model<Input, Output>(network, { seed: 0, training });
    copy.setWeights(this.getWeights());
    return copy;
  }

  /**
   * A new model of some of this one's layers, with copies of their weights, and of new layers behind them: for
   * fine-tuning (`freeze`), or without new layers to see what lies between. Taken layers keep their names. The fork has
   * no loss until it is trained.
   *
   * Throws `INVALID_OPTION` for names that are no layer's or stand twice, `SHAPE_MISMATCH` for a new layer that does
   * not fit.
   *
   * @example
   * const tuned = model.fork({ last: 'flatten_1', freeze: true }, [dense({ units: 3 })]);
   */
  fork<
    const First extends string | undefined = undefined,
    const Last extends string | undefined = undefined,
    const Layers extends readonly Layer[] = readonly [],
  >(
    options: ForkOptions<First, Last> = {},
    layers: Layers = [] as readonly Layer[] as Layers,
  ): Model<
    [First] extends [undefined] ? Input : Shape,
    OutputShapeOf<Layers, [Last] extends [undefined] ? Output : Shape>
  > {
    const { freeze, preprocessing, seed, ...ends } = readOptions('fork', options, FORK_OPTIONS);
    const { network, training } = this.#state;
    const { begin, end } = findRange(network, ends);
    const taken = network.layers.slice(begin, end);
    const inputShape =
      begin === 0 ? network.inputShape : this.#outputShapeOf(network.layers[begin - 1]?.name);
    const keeps = begin === 0 && preprocessing === 'keep' && training !== undefined;
    const fork = new Model(
      { inputShape, layers: forkLayers(taken, layers, freeze) },
      { seed, training: keeps ? { ...training, loss: undefined, classNames: undefined } : undefined },
    );
    const weights = Object.entries(this.getWeights()).filter(([name]) =>
      taken.some((layer) => isParameterOf(name, layer)),
    );
    fork.setWeights({ ...fork.getWeights(), ...Object.fromEntries(weights) });
    return fork as never;
  }

  /**
   * What the last layer gives, on a thread of its own; under a cross-entropy loss those are logits (see
   * `classify`). Raw samples are put through the preprocessing of the data that the model was trained on; a
   * dataset brings its own. A model that was trained on a table (`csv`, `fromRows`, ...) takes rows, saved and loaded
   * or not: `[{ age: 31, city: 'Oslo' }]`, or arrays in the order of `model.table.inputs`. While the model
   * trains, its weights are those of a step's boundary.
   *
   * Rejects with `SHAPE_MISMATCH` when the samples are not of the model's input shape, and with `INVALID_DATA`
   * for a row whose value is missing, of another type or of an unknown category, by row and column.
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
   * Classes have the names that they had in the training data.
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
    const { labels } = classes;
    return {
      labels,
      names: nameClasses(labels, samples.count, this.classNames),
      probabilities: this.#predictions(classes.probabilities, samples.count),
    };
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
    const { native: inner } = this.#state;
    const objective = this.#objective('evaluate', loss, metrics);
    const samples = this.#labelled('evaluate', dataset, objective.loss);
    return evaluateObjective(inner, objective, samples, settings);
  }

  /**
   * The gradient by the samples of an output, such as a class's score, or of the loss: what a change of each value would
   * do to it (saliency, adversarial samples). The network runs as in `predict`, without dropout, and stays as it is.
   * Gradients are by the samples as given, in the units before preprocessing. Each sample counts alone: its loss is
   * what `evaluate` gives for a dataset of just it.
   *
   * Rejects with `INVALID_OPTION` for places that are no outputs, `INVALID_DATA` for labels that do not fit the loss,
   * `SHAPE_MISMATCH` for samples of another shape.
   *
   * @example
   * const { labels } = await model.classify(images);
   * const saliency = await model.gradient(images, { of: labels });
   */
  async gradient(
    dataset: Dataset<Input, LabelKind>,
    options: GradientOptions<'loss'>,
  ): Promise<Gradients<Input>>;
  async gradient(
    inputs: RawSamples | Dataset<Input, LabelKind>,
    options: GradientOptions<number | ArrayLike<number>>,
  ): Promise<Gradients<Input>>;
  async gradient(inputs: unknown, options: GradientOptions): Promise<Gradients<Input>> {
    const { of, loss, ...settings } = readOptions('gradient', options, GRADIENT_OPTIONS);
    if (of !== 'loss' && loss !== undefined) {
      throw new GradloomError('INVALID_OPTION', "gradient: loss needs of: 'loss'; leave out one of them");
    }
    const { native: inner } = this.#state;
    const objective = of === 'loss' ? this.#objective('gradient', loss, []) : undefined;
    if (objective?.loss.startCalls() !== undefined) {
      throw new GradloomError(
        'INVALID_OPTION',
        `gradient: the custom loss ${objective.loss.kind} is a function of JavaScript, which gradient does not call; name another loss`,
      );
    }
    const samples =
      objective === undefined
        ? this.#samples('gradient', inputs)
        : this.#labelled('gradient', inputs, objective.loss);
    const differentiand =
      objective?.loss.toSpec() ??
      readPlaces(of as Exclude<typeof of, 'loss'>, samples.count, this.outputShape);
    const { values, gradients } = await awaitNative(() =>
      native.inputGradient(inner, samples, differentiand, settings),
    );
    return { data: gradients, shape: [samples.count, ...this.inputShape], values };
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
    return readSamples(operation, inputs, this.inputShape, this.#state.training);
  }

  /** Sets some weights and leaves the others. */
  #overlay(weights: Weights): void {
    this.setWeights({ ...this.getWeights(), ...weights });
  }

  #outputShapeOf(name: string | undefined): Shape {
    return this.layers.find((layer) => layer.name === name)?.outputShape ?? this.inputShape;
  }

  #objective(operation: string, loss: unknown, metrics: unknown): Objective {
    return makeObjective(operation, this.#state.network, this.outputShape, {
      loss: loss ?? this.#trainedLoss(operation, 'name one: { loss: "softmaxCrossEntropy" }'),
      metrics,
    });
  }

  #labelled(operation: string, dataset: unknown, loss: Loss): NativeLabelledSamples {
    const { training } = this.#state;
    const checked = checkDataset(operation, 'the dataset', dataset, this.inputShape);
    if (training !== undefined) {
      checkSameReading(operation, ['the dataset', checked], ["the model's training data", training]);
    }
    return readLabelled(operation, 'the dataset', checked, loss, this.outputShape);
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

/** No names for several independent outputs, whose labels are no classes. */
function nameClasses(
  labels: Int32Array,
  count: number,
  names: readonly string[] | undefined,
): readonly string[] | undefined {
  if (names === undefined || labels.length !== count) return undefined;
  return Array.from(labels, (label) => names[label] ?? String(label));
}
