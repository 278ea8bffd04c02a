import { awaitNative, callNative } from '../core/errors.ts';
import { readOptions, readValue, text } from '../core/options.ts';
import type { InputShape, Shape } from '../core/shape.ts';
import type { Dataset, LabelKind } from '../datasets/dataset.ts';
import type { Preprocessing } from '../datasets/parts/preprocessing.ts';
import type { Table } from '../datasets/parts/table.ts';
import { joinTables } from '../datasets/transforms/from-table.ts';
import { withGivenValues } from '../layers/given-values.ts';
import type { Layer } from '../layers/layer.ts';
import type { FiguresFor, MetricChoices } from '../metrics/make-metrics.ts';
import { type NativeLayerInfo, type NativePlanInfo, native } from '../native/index.ts';
import type { Vectorizer } from '../text/vectorizer.ts';
import { type LoadPyTorchOptions, type PyTorchReport, selectFromPyTorch } from './files/load-pytorch.ts';
import { type LoadReport, type LoadWeightsOptions, selectFromSource } from './files/load-weights.ts';
import { writeModelFile } from './files/model-file.ts';
import { nameWeights, orderWeights, toWeights, type Weights } from './files/weights.ts';
import { FORK_OPTIONS, type ForkedInput, type ForkedOutput, type ForkOptions, forkNetwork } from './fork.ts';
import {
  type DifferentiatedOutputs,
  differentiate,
  type GradientOptions,
  type GradientsOf,
} from './gradient.ts';
import { type Classified, classifyHeads, headsOf, type Predicted, splitHeads } from './heads.ts';
import type { ModelState } from './model-state.ts';
import { inputShapeOf, type Network, toLayerSpecs } from './network/network.ts';
import {
  EVALUATE_OPTIONS,
  type EvaluateOptions,
  type Evaluation,
  evaluateObjective,
  objectiveOf,
  readLabelledFor,
} from './objective.ts';
import { PLAN_OPTIONS, type PlanOptions } from './plan-options.ts';
import { PREDICT_OPTIONS, type Predictions, type PredictOptions, toClassification } from './predictions.ts';
import { type RawInputs, readSamplesFor } from './samples.ts';
import { formatSummary } from './summary.ts';
import { type InputReading, type TrainingRecord, trainedLoss } from './training-record.ts';

/** The inner state of a model, for the modules beside this one. */
export let stateOf: (model: Model<InputShape>) => ModelState;

/**
 * A network and its weights. Made by `sequential`, `graph` or `loadModel`, trained by a `Trainer`.
 *
 * `Input` and `Output` are the shapes of one sample, channels last; of several inputs or heads their shapes by name. The memory of the weights is native,
 * accounted to V8 and freed when the model is collected.
 */
export class Model<Input extends InputShape = Shape, Output extends InputShape = Shape> {
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

  /** @internal Use `sequential` or `graph`. */
  constructor(
    network: Network,
    options: {
      /** Of initial weights. Undefined: they are 0, for others to come. */
      readonly seed?: number | undefined;
      readonly training?: TrainingRecord | undefined;
      readonly maxParameters?: number | undefined;
    },
  ) {
    const { seed, maxParameters } = options;
    const layers = toLayerSpecs(network).map(withGivenValues);
    const inner = callNative(
      () =>
        new native.Model({
          ...(network.nodes === undefined ? { inputShape: network.inputShape } : { inputs: network.inputs }),
          layers,
          seed,
          maxParameters,
        }),
    );
    this.inputShape = inputShapeOf(network) as Input;
    this.layers = Object.freeze(inner.layers.map((layer) => Object.freeze(layer)));
    const heads = headsOf(network, this.layers);
    this.outputShape = Object.freeze(
      heads === undefined
        ? [...inner.outputShape]
        : Object.fromEntries(heads.map(({ name, shape }) => [name, shape])),
    ) as InputShape as Output;
    this.parameterCount = this.layers.reduce((sum, layer) => sum + layer.parameterCount, 0);
    this.#state = {
      native: inner,
      inputForms: inner.inputForms,
      network,
      heads,
      training: options.training,
      run: undefined,
    };
    Object.freeze(this);
  }

  /**
   * The columns, types, categories and fills of the table that the model was trained on, if it was: `predict` reads rows by
   * them, and `csv(path, { like: model.table })` a file. Of several inputs the columns of all, where each has some of its own.
   */
  get table(): Table | undefined {
    const { training } = this.#state;
    return training?.table ?? joinTables(training?.inputs);
  }

  /** What makes samples of texts for the model, if it was trained on texts: `predict` takes texts then. */
  get vectorizer(): Vectorizer | undefined {
    return this.#state.training?.vectorizer;
  }

  /** What features of `libsvm`'s files count from, if the model was trained on one: `libsvm(path, { like: model })` reads others alike. */
  get firstFeature(): 0 | 1 | undefined {
    return this.#state.training?.firstFeature;
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
    return formatSummary(this.#state.network, this.layers);
  }

  /**
   * What raw samples are put through, `x * scale + shift`: the preprocessing of the data that the model was trained on.
   * Undefined before. Of several inputs each has its own, see `inputs`.
   */
  get preprocessing(): Preprocessing | undefined {
    return this.#state.training?.preprocessing;
  }

  /**
   * How samples of each input are read, by name: their preprocessing, and the table or vectorizer that makes them. Undefined
   * for a model of one input without a name, and before training.
   */
  get inputs(): Readonly<Record<string, InputReading>> | undefined {
    return this.#state.training?.inputs;
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
    const { parameters } = this.#state.native;
    const { weights, report } = await selectFromSource('loadWeights', parameters, source, options);
    this.#overlay(weights);
    return report;
  }

  /**
   * Sets weights from the state dict of a PyTorch model of the same layers, written by
   * `safetensors.torch.save_file(model.state_dict(), path)`. Convolutions are taken as they are; what reads a flattened
   * map, and layer norms of whole maps, are brought from `[C, H, W]` to `[H, W, C]`; batch norm's running statistics come
   * along. The report says which module was taken for which layer and why. Activations and paddings are the caller's to match: compare
   * the predictions of a few samples.
   *
   * Rejects as `loadWeights` does, and names modules that may be several layers: say with `map` which.
   *
   * @example
   * await model.loadPyTorch('net.safetensors', { map: { stem: 'conv2d_1', 'layer1.0': 'residual_1' } });
   */
  async loadPyTorch(path: string, options: LoadPyTorchOptions = {}): Promise<PyTorchReport> {
    const { weights, report } = await selectFromPyTorch('loadPyTorch', this.#state, path, options);
    this.#overlay(weights);
    return report;
  }

  /**
   * A model of the same network with weights of its own, equal bit for bit, and the same preprocessing and loss. While
   * the model trains, the weights are those of a step's boundary.
   */
  clone(): Model<Input, Output> {
    const { network, training } = this.#state;
    const copy = new Model<Input, Output>(network, { training });
    copy.setWeights(this.getWeights());
    return copy;
  }

  /**
   * A new model of some of this one's layers, with copies of their weights, and of new layers behind them: for
   * fine-tuning (`freeze`), or without new layers to see what lies between. Taken layers keep their names. The fork has
   * no loss until it is trained.
   *
   * Of a graph, `last` cuts out all that has a part in a layer's or head's values: one tower of two, one head of several.
   *
   * Throws `INVALID_OPTION` for names that are no layer's or stand twice and for `first` of a graph, `SHAPE_MISMATCH` for
   * a new layer that does not fit.
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
  ): Model<ForkedInput<Input, First, Last>, ForkedOutput<Output, Last, Layers>> {
    const { seed, ...choice } = readOptions('fork', options, FORK_OPTIONS);
    const { network, training, isTaken } = forkNetwork(this.#state, choice, layers);
    const taken = Object.entries(this.getWeights()).filter(([name]) => isTaken(name));
    // Without new layers all weights are taken, and none are drawn.
    const isWhole = layers.length === 0;
    const fork = new Model(network, { seed: isWhole ? undefined : seed, training });
    fork.setWeights({ ...(isWhole ? {} : fork.getWeights()), ...Object.fromEntries(taken) });
    return fork as never;
  }

  /**
   * What the last layer gives, on a thread of its own; under a cross-entropy loss those are logits (see
   * `classify`). Raw samples are put through the preprocessing of the data that the model was trained on; a
   * dataset brings its own. A model that was trained on a table (`csv`, `fromRows`, ...) takes rows, saved and loaded
   * or not: `[{ age: 31, city: 'Oslo' }]`, or arrays in the order of `model.table.inputs`. While the model
   * trains, its weights are those of a step's boundary.
   *
   * A model of several inputs takes the samples of each by its name: `{ user: Int32Array.of(3, 8), tags: [[1, 4], []] }`. Rows,
   * too, where the inputs are columns of one table (`fromTable`).
   *
   * A model with several heads gives the values of each by its name: `{ price: { data, shape }, kind: { data, shape } }`.
   *
   * Rejects with `SHAPE_MISMATCH` when the samples are not of the model's input shape, and with `INVALID_DATA`
   * for a row whose value is missing, of another type or of an unknown category, by row and column.
   */
  async predict(
    inputs: RawInputs<Input> | Dataset<Input, LabelKind>,
    options: PredictOptions = {},
  ): Promise<Predicted<Output>> {
    const settings = readOptions('predict', options, PREDICT_OPTIONS);
    const samples = readSamplesFor('predict', this.#state, inputs);
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
    inputs: RawInputs<Input> | Dataset<Input, LabelKind>,
    options: PredictOptions = {},
  ): Predicted<Output> {
    const settings = readOptions('predictSync', options, PREDICT_OPTIONS);
    const samples = readSamplesFor('predictSync', this.#state, inputs, 'borrow');
    return this.#predictions(
      callNative(() => this.#state.native.predictSync(samples, settings)),
      samples.count,
    );
  }

  /**
   * The class of each sample and the probabilities, by the loss that the model was trained with: the most
   * probable class under softmaxCrossEntropy, 1 for a probability above 0.5 under sigmoidBinaryCrossEntropy.
   * Classes have the names that they had in the training data. Of several heads an object by the names of those whose
   * losses know classes.
   *
   * Rejects with `INVALID_OPTION` when the model was not trained yet or its loss knows no classes.
   */
  async classify(
    inputs: RawInputs<Input> | Dataset<Input, LabelKind>,
    options: PredictOptions = {},
  ): Promise<Classified<Output>> {
    const settings = readOptions('classify', options, PREDICT_OPTIONS);
    const { native: inner, training } = this.#state;
    const loss = trainedLoss('classify', training, 'use predict for the values of the last layer');
    const samples = readSamplesFor('classify', this.#state, inputs);
    const outputs = this.#predictions(
      await awaitNative(() => inner.predict(samples, settings)),
      samples.count,
    );
    const { heads } = this.#state;
    return (
      heads === undefined
        ? toClassification(outputs as Predictions, loss, this.classNames)
        : classifyHeads(loss, outputs as Readonly<Record<string, Predictions>>)
    ) as Classified<Output>;
  }

  /**
   * The mean loss over a dataset's samples, and metrics.
   *
   * Rejects with `INVALID_DATA` when the labels do not fit the loss or the dataset is preprocessed otherwise
   * than the training data.
   */
  async evaluate<const Metrics extends MetricChoices = readonly []>(
    dataset: Dataset<Input, LabelKind>,
    options: EvaluateOptions<Metrics> = {},
  ): Promise<Evaluation<FiguresFor<Metrics>>> {
    const { loss, lossWeights, metrics, ...settings } = readOptions('evaluate', options, EVALUATE_OPTIONS);
    const objective = objectiveOf('evaluate', this.#state, { loss, lossWeights, metrics });
    const samples = readLabelledFor('evaluate', this.#state, dataset, objective.loss);
    return evaluateObjective(this.#state.native, objective, samples, settings);
  }

  /**
   * The gradient by the samples of an output, such as a class's score, or of the loss: what a change of each value would
   * do to it (saliency, adversarial samples). The network runs as in `predict`, without dropout, and stays as it is.
   * Gradients are by the samples as given, in the units before preprocessing. Each sample counts alone: its loss is
   * what `evaluate` gives for a dataset of just it.
   *
   * Of a model made by `graph`, gradients by each input, by its name: `inputs.image`; of sparse samples by the values of the features
   * that they name. Ids have none. Of several heads, `of` says which: `{ price: 0 }`.
   *
   * Rejects with `INVALID_OPTION` for places that are no outputs, and for a model that takes nothing but ids,
   * `INVALID_DATA` for labels that do not fit the loss, `SHAPE_MISMATCH` for samples of another shape.
   *
   * @example
   * const { labels } = await model.classify(images);
   * const saliency = await model.gradient(images, { of: labels });
   */
  async gradient(
    dataset: Dataset<Input, LabelKind>,
    options: GradientOptions<'loss'>,
  ): Promise<GradientsOf<Input>>;
  async gradient(
    inputs: RawInputs<Input> | Dataset<Input, LabelKind>,
    options: GradientOptions<DifferentiatedOutputs>,
  ): Promise<GradientsOf<Input>>;
  async gradient(inputs: unknown, options: GradientOptions): Promise<GradientsOf<Input>> {
    return (await differentiate(this.#state, inputs, options)) as GradientsOf<Input>;
  }

  /**
   * Writes the network, its weights, preprocessing and loss to a safetensors file, all or nothing: until the
   * new file is whole, an old one stays. Read by `loadModel`. While the model trains, its weights are those
   * of a step's boundary.
   */
  async save(path: string): Promise<void> {
    readValue('save', 'path', path, text);
    const { native, network, training } = this.#state;
    const { weights } = await awaitNative(() => native.copyParameters());
    await writeModelFile(path, { network, training, tensors: toWeights(weights), trainer: undefined });
  }

  /**
   * Frees the model's native memory now, for `using model = ...`. Never needed: memory is freed when the model is collected.
   * Every later call throws `MODEL_DISPOSED`. Throws `MODEL_BUSY` while the model trains.
   */
  [Symbol.dispose](): void {
    callNative(() => this.#state.native.dispose());
  }

  /** Sets some weights and leaves the others. */
  #overlay(weights: Weights): void {
    this.setWeights({ ...this.getWeights(), ...weights });
  }

  #predictions(data: Float32Array, count: number): Predicted<Output> {
    const { heads } = this.#state;
    const predictions =
      heads === undefined
        ? { data, shape: [count, ...(this.outputShape as Shape)] }
        : splitHeads(heads, data, count);
    return predictions as Predicted<Output>;
  }
}
