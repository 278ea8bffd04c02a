import { awaitNative, callNative, GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  instanceOf,
  integer,
  oneOf,
  optional,
  readOptions,
  readValue,
  required,
  seed,
  text,
  threads,
  withDefault,
} from '../core/options.ts';
import type { InputShape, Shape } from '../core/shape.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { SampleStream } from '../datasets/streams/stream.ts';
import type { LabelData } from '../datasets/values/labels.ts';
import type { EpochRecord } from '../history/history.ts';
import type { Loss as AnyLoss } from '../losses/loss.ts';
import type {
  HeadLosses,
  LabelKindOf,
  LabelKindOfStated,
  LossChoice,
  OutputsOf,
} from '../losses/make-loss.ts';
import type { FiguresFor, MetricChoices } from '../metrics/make-metrics.ts';
import type { Metric } from '../metrics/metric.ts';
import { writeModelFile } from '../models/files/model-file.ts';
import { toWeights } from '../models/files/weights.ts';
import { Model, stateOf } from '../models/model.ts';
import type { ModelState } from '../models/model-state.ts';
import {
  type Evaluation,
  evaluateObjective,
  makeObjective,
  type Objective,
  toNativeObjective,
} from '../models/objective.ts';
import type { PredictOptions } from '../models/predictions.ts';
import type { RawInputs } from '../models/samples.ts';
import { type NativeTrainer, type NativeTrainerState, native } from '../native/index.ts';
import { makeOptimizer } from '../optimizers/make-optimizer.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { assignParameters, makeOptimizers, type Optimizers } from '../optimizers/several.ts';
import { type LearningRate, learningRateRule, toSchedule } from '../schedules/learning-rate.ts';
import { ratesOf } from '../schedules/schedule.ts';
import {
  type Checkpoint,
  readCheckpoint,
  type TrainerSettings,
  toCheckpoint,
} from './checkpoints/checkpoint.ts';
import { readCustom } from './checkpoints/custom.ts';
import { FolderHold } from './checkpoints/folder-hold.ts';
import { checkStated, customAmong, STATED } from './checkpoints/stated.ts';
import { type FitOptions, readFitOptions } from './run/fit-options.ts';
import {
  checkSameData,
  findCheckpoint,
  type ResumeOptions,
  readResumeOptions,
  resumedSettings,
} from './run/resume.ts';
import { readRunData, readSet, type SetReader } from './run/run-data.ts';
import { startRun, type TrainerParts } from './run/start-run.ts';
import { type TrainStepOptions, trainStep } from './run/train-step.ts';
import type { TrainingRun } from './run/training-run.ts';
import { type ClipGradients, clipGradients } from './step/clip-gradients.ts';

export interface TrainerOptions<
  Loss extends LossChoice | HeadLosses = LossChoice,
  Metrics extends MetricChoices = MetricChoices,
> {
  /** Such as `adagrad()`. */
  readonly optimizer: Optimizer;
  /**
   * Other optimizers for some parameters: by a layer's name, `{ wide: ftrl({ l1: 0.1 }) }`, or a pattern of parameters' names,
   * `{ '*.bias': sgd() }`; `optimizer` has the rest. Each keeps its learning rate, a number, in all steps: a schedule and
   * `reduceOnPlateau` are about `optimizer`. Their `groups` name parameters of their own. Default: none.
   */
  readonly optimizers?: Optimizers | undefined;
  /** Such as `'softmaxCrossEntropy'`; binds the labels that `fit` takes. Of a model with several heads one for each, by name. */
  readonly loss: Loss;
  /** What each head's loss counts in the sum that is trained, at least 0. Default: 1 for all. */
  readonly lossWeights?: Readonly<Record<string, number>> | undefined;
  /** Such as `['accuracy']`; of several heads `{ kind: ['accuracy'] }`. Default: none. */
  readonly metrics?: Metrics;
  /** Of shuffling and dropout: the same seed gives the same weights for any number of threads. Default: 0. */
  readonly seed?: number;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
  /**
   * What happens when a loss or gradient becomes infinite or NaN: `'stop'` ends the run with an error,
   * `'skip'` leaves the step out, `'ignore'` goes on. Default: `'stop'`.
   */
  readonly nonFinite?: 'stop' | 'skip' | 'ignore';
  /**
   * Bytes that the tensors of model and training may take: weights, optimizer state, and of a run all its batches' values
   * and gradients, weights that it keeps and the copy for a checkpoint. What would take more is refused with `MEMORY_LIMIT`,
   * which says how many, before any of it is allocated: the trainer by its constructor, a run by its rejection. Data sets
   * are not counted, nor are predictions. Default: no limit.
   */
  readonly memoryLimit?: number | undefined;
  /** Cuts gradients back before the update. Default: not. */
  readonly clipGradients?: ClipGradients | undefined;
}

const TRAINER_OPTIONS = {
  optimizer: required(anything('an optimizer such as adagrad()')),
  optimizers: withDefault(anything('an object of optimizers by layers'), {}),
  loss: required(anything('a loss such as "softmaxCrossEntropy"')),
  lossWeights: optional(anything('weights of losses by head')),
  metrics: withDefault(anything('a list of metrics such as ["accuracy"]'), []),
  seed: withDefault(seed, 0),
  threads: withDefault(threads, 0),
  nonFinite: withDefault(oneOf('stop', 'skip', 'ignore'), 'stop'),
  memoryLimit: optional(integer(1)),
  clipGradients: optional(clipGradients),
};

/** Among the options of a trainer whose state comes from a file. */
const AWAITS_STATE = Symbol('awaits state');

const EVALUATE_OPTIONS = { batchSize: withDefault(extent, 256), threads: optional(threads) };
const LOAD_OPTIONS = {
  threads: withDefault(threads, 0),
  memoryLimit: optional(integer(1)),
  custom: withDefault(anything('a list of custom losses and metrics'), []),
  ...STATED,
  learningRate: optional(learningRateRule),
};

/**
 * Trains a model: an optimizer with its state, a loss, metrics. A second `fit` goes on where the first one
 * ended.
 *
 * The types bind `Input`, the shape of the model's samples, and the labels that the loss takes, so that `fit`
 * and `evaluate` take only data sets of both.
 *
 * Throws `INVALID_OPTION` when the loss does not fit the model's output, or a metric the loss.
 *
 * @example
 * const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
 * const history = await trainer.fit(train, { epochs: 5, validation: test });
 */
export class Trainer<
  Input extends InputShape = Shape,
  const Loss extends LossChoice | HeadLosses = LossChoice,
  const Metrics extends MetricChoices = readonly [],
> {
  readonly model: Model<Input, OutputsOf<Loss>>;
  readonly #native: NativeTrainer;
  readonly #objective: Objective;
  readonly #settings: Pick<
    TrainerSettings,
    'optimizer' | 'optimizers' | 'seed' | 'nonFinite' | 'clipGradients'
  >;
  readonly #threads: number;

  constructor(model: Model<Input, InputShape>, options: TrainerOptions<Loss, Metrics>) {
    this.model = readValue(
      'Trainer',
      'model',
      model,
      instanceOf('made by sequential, graph or loadModel', Model<Input, InputShape>),
    ) as Model<Input, never> as Model<Input, OutputsOf<Loss>>;
    const { optimizer, optimizers, loss, lossWeights, metrics, ...settings } = readOptions(
      'Trainer',
      options,
      TRAINER_OPTIONS,
    );
    const { seed, threads, nonFinite, memoryLimit, clipGradients } = settings;
    const { native: inner } = this.#model;
    this.#objective = makeObjective('Trainer', this.#model, { loss, lossWeights, metrics });
    this.#settings = {
      optimizer: makeOptimizer('Trainer', optimizer),
      optimizers: makeOptimizers('Trainer', optimizers),
      ...{ seed, nonFinite, clipGradients },
    };
    this.#threads = threads;
    const names = inner.parameters.map(({ name }) => name);
    const spec = {
      ...toNativeObjective(this.#objective),
      ...assignParameters('Trainer', this.#settings.optimizer, this.#settings.optimizers, names),
      ...{ seed, nonFinite, clipGradients },
      threads,
      memoryLimit: memoryLimit ?? 0,
      awaitsState: AWAITS_STATE in options,
    };
    this.#native = callNative(() => new native.Trainer(inner, spec));
    Object.freeze(this);
  }

  /**
   * Reads a checkpoint that `save` wrote: model, optimizer state and counts. To train on as if nothing had
   * been between, call `fit` with the data and options of before.
   *
   * Files hold no functions: a custom loss and custom metrics that the trainer had are given again, by the same names,
   * and so is a learning rate that was a function of the step. Another `learningRate` may stand in for a saved one of
   * `optimizer`.
   *
   * Types know of labels what `loss` says, and of figures what `metrics` says: the trainer's loss, and its metrics or some
   * of them.
   *
   * Rejects as `loadModel` does, with `FILE_FORMAT` for a file without a trainer, and with `INVALID_OPTION` when a
   * custom loss or metric is missing, or `loss` or `metrics` are others than the trainer's.
   */
  static async load<
    Input extends InputShape = Shape,
    const Loss extends LossChoice | HeadLosses = LossChoice,
    const Metrics extends MetricChoices = readonly Metric[],
  >(
    path: string,
    options: {
      readonly threads?: number;
      readonly memoryLimit?: number | undefined;
      readonly custom?: readonly (AnyLoss | Metric)[];
      readonly loss?: Loss | undefined;
      readonly metrics?: Metrics | undefined;
      readonly learningRate?: LearningRate;
    } = {},
  ): Promise<Trainer<Input, Loss, Metrics>> {
    readValue('Trainer.load', 'path', path, text);
    const { custom, loss, metrics, learningRate, ...machine } = readOptions(
      'Trainer.load',
      options,
      LOAD_OPTIONS,
    );
    const stated = { loss, metrics };
    const given = { custom: [...customAmong(stated), ...readCustom('Trainer.load', custom)], learningRate };
    const checkpoint = await readCheckpoint(path, given);
    const trainer = await Trainer.#from(checkpoint, machine);
    checkStated('Trainer.load', trainer.#model, { objective: trainer.#objective, stated });
    return trainer as unknown as Trainer<Input, Loss, Metrics>;
  }

  static async #from(
    { model, settings, readState }: Checkpoint,
    machine: { readonly threads: number; readonly memoryLimit: number | undefined },
  ): Promise<Trainer<InputShape, LossChoice, readonly Metric[]>> {
    const { optimizer, optimizers, loss, metrics, seed, nonFinite, clipGradients } = settings;
    const options = {
      ...{ optimizer, optimizers, loss, seed, nonFinite, clipGradients, ...machine },
      metrics: metrics as readonly Metric[],
      [AWAITS_STATE]: true,
    };
    const trainer = new Trainer<InputShape, LossChoice, readonly Metric[]>(model, options);
    const inner = trainer.#native;
    const state = readState(callNative(() => inner.states));
    await awaitNative(() => inner.loadState(state));
    return trainer;
  }

  /**
   * Trains for a number of epochs on a thread of its own; the event loop stays free. What is wrong with the
   * arguments is thrown at once, and then nothing is changed.
   *
   * Throws `MODEL_BUSY` when the model trains already, `FOLDER_BUSY` when another run, of this process or another one,
   * writes to the folder of `checkpoint`, `SHAPE_MISMATCH` and `INVALID_DATA` for data that do not fit the model, the
   * loss or the preprocessing of what it was trained on before.
   */
  fit<Validation extends Dataset<Input, LabelKindOf<Loss>> | undefined = undefined>(
    train: Dataset<Input, LabelKindOf<Loss>> | SampleStream<Input, LabelKindOf<Loss>>,
    options: FitOptions<FiguresFor<Metrics, Loss>, Validation> = {},
  ): TrainingRun<EpochRecord<FiguresFor<Metrics, Loss>, Validation>> {
    const settings = readFitOptions('fit', options, train instanceof SampleStream ? 'stream' : 'set');
    this.#checkIdle('fit', 'await its run, or stop it, first');
    const data = readRunData('fit', this.#reader, train, settings.validation);
    return startRun('fit', this.#parts, data, settings);
  }

  /**
   * One step on one batch, here and now, and the loss of the batch before it: for small networks that learn while they act,
   * such as agents. `inputs` are what `predict` takes, in the units before preprocessing; `labels` are classes or target
   * values, one a sample, as the loss wants them, by name for several heads. The bits are those of a `fit` over just this batch, and the step
   * counts in the optimizer's state, in learning rates and for checkpoints as any other, but to no epoch. Shapes of the
   * last four batch sizes are kept compiled. The event loop waits: large batches are `fit`'s.
   *
   * Under `nonFinite: 'skip'` NaN says that the step was left out.
   *
   * Throws `MODEL_BUSY` while a run trains the model, `SHAPE_MISMATCH`, `INVALID_DATA` and `LABEL_OUT_OF_RANGE` for a
   * batch that does not fit, `NOT_FINITE` as `fit` rejects.
   *
   * @example
   * const loss = trainer.trainStep([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]);
   */
  trainStep(
    inputs: RawInputs<Input>,
    labels: Loss extends LossChoice ? LabelData : { readonly [Head in keyof Loss]: LabelData },
    options?: TrainStepOptions,
  ): number {
    this.#checkIdle('trainStep', 'await its run, or stop it, first');
    return trainStep(this.#parts, inputs, labels, options);
  }

  /**
   * Goes on with a run from the latest whole checkpoint of its folder, in the midst of an epoch, with the bits that the
   * run would have had without a break. The data are those of before, in their order; functions are given again, as
   * files hold none; everything else is as it was, and new checkpoints go to the same folder.
   *
   * A stream is given anew, with the same samples from their beginning and the same `samplesPerEpoch`: what the run had
   * seen is read again, compared and left out, and a stream that gives something else rejects the run with
   * `INVALID_DATA` before its first step.
   *
   * A run that had ended ends again at once, with its history; more `epochs` or a new budget let it go on, unless early
   * stopping had ended it.
   *
   * Types know of the trainer's labels what `loss` says, and of figures what `metrics` says: the run's loss, and its metrics
   * or some of them.
   *
   * Rejects with `FILE_NOT_FOUND` when the folder has no checkpoint, with `FOLDER_BUSY` while another run writes to it,
   * with `INVALID_DATA` for other data, and as `load` does.
   *
   * @example
   * const { trainer, run } = await Trainer.resume('runs/clicks', train, { validation, metrics: ['accuracy'] });
   * const { epochs } = await run;
   * console.log(epochs.at(-1)?.validation.accuracy);
   */
  static async resume<
    Input extends InputShape = Shape,
    Validation extends Dataset<Input, LabelKindOfStated<Loss>> | undefined = undefined,
    const Metrics extends MetricChoices = readonly Metric[],
    const Loss extends LossChoice | HeadLosses = LossChoice,
  >(
    folder: string,
    train: Dataset<Input, LabelKindOfStated<Loss>> | SampleStream<Input, LabelKindOfStated<Loss>>,
    options: ResumeOptions<Validation, Metrics, Loss> = {},
  ): Promise<{
    readonly trainer: Trainer<Input, Loss, Metrics>;
    readonly run: TrainingRun<EpochRecord<FiguresFor<Metrics, Loss>, Validation>>;
    /** The file that the run goes on from. */
    readonly checkpoint: string;
  }> {
    readValue('Trainer.resume', 'folder', folder, text);
    const given = readResumeOptions(options);
    const { threads, memoryLimit, learningRate, loss, metrics } = given;
    const stated = { loss, metrics };
    const custom = [...customAmong(stated), ...readCustom('Trainer.resume', given.custom)];
    const hold = new FolderHold('Trainer.resume');
    try {
      // Before a checkpoint is chosen, which another run would outdate.
      hold.take(folder);
      const found = await findCheckpoint(folder);
      const settings = resumedSettings(found, folder, given);
      const { path, file } = found;
      const checkpoint = await toCheckpoint(path, file, { custom, learningRate });
      const trainer = await Trainer.#from(checkpoint, { threads, memoryLimit });
      checkStated('Trainer.resume', trainer.#model, { objective: trainer.#objective, stated });
      const data = readRunData('Trainer.resume', trainer.#reader, train, settings.validation);
      checkSameData(found.run, data);
      const run = startRun<EpochRecord<FiguresFor<Metrics, Loss>, Validation>>(
        'Trainer.resume',
        trainer.#parts,
        data,
        settings,
        { ...found.run, hold },
      );
      return { trainer: trainer as unknown as Trainer<Input, Loss, Metrics>, run, checkpoint: path };
    } catch (error) {
      hold.release();
      throw error;
    }
  }

  /**
   * The mean loss over a dataset's samples, and the trainer's metrics, by default on the trainer's number of
   * threads. Rejects as `Model.evaluate` does.
   */
  async evaluate(
    dataset: Dataset<Input, LabelKindOf<Loss>>,
    options: PredictOptions = {},
  ): Promise<Evaluation<FiguresFor<Metrics, Loss>>> {
    const { batchSize, threads = this.#threads } = readOptions('evaluate', options, EVALUATE_OPTIONS);
    const samples = readSet('evaluate', this.#reader, 'the dataset', dataset);
    return evaluateObjective(this.#model.native, this.#objective, samples, { batchSize, threads });
  }

  /**
   * Forgets the optimizer's state and the counts of steps and epochs; the weights stay.
   *
   * Throws `MODEL_BUSY` while the model trains.
   */
  reset(): void {
    this.#checkIdle('reset', 'await its run first');
    callNative(() => this.#native.reset());
  }

  /**
   * Copies of what the optimizer keeps, such as `dense_1.weight.accumulator`, as of a step's boundary; `steps` and
   * `epochs` count over all runs.
   */
  getOptimizerState(): {
    readonly steps: number;
    readonly epochs: number;
    readonly tensors: Readonly<Record<string, { readonly data: Float32Array; readonly shape: Shape }>>;
  } {
    const { steps, epochs, tensors } = callNative(() => this.#native.getState());
    return { steps, epochs, tensors: toWeights(tensors) };
  }

  /**
   * What the optimizer would multiply small gradients with in its next step, one value a weight, by the parameter's
   * name: for AdaGrad `learningRate / (sqrt(s) + epsilon)`.
   */
  getEffectiveLearningRates(): Readonly<
    Record<string, { readonly data: Float32Array; readonly shape: Shape }>
  > {
    const { learningRate } = this.#settings.optimizer;
    const rate = ratesOf(toSchedule(learningRate), this.#native.steps, 1)[0] as number;
    return toWeights(callNative(() => this.#native.effectiveRates(rate)));
  }

  /**
   * Writes a checkpoint, all or nothing: the model, and what `Trainer.load` needs to train on. Between runs,
   * or at an epoch's end (in `onEpochEnd` or in the body of `for await`).
   *
   * Rejects with `MODEL_BUSY` in the midst of an epoch, where `model.save` may be used.
   */
  async save(path: string): Promise<void> {
    readValue('save', 'path', path, text);
    const { run } = this.#model;
    if (run?.isAtEpochEnd() === false) {
      throw new GradloomError(
        'MODEL_BUSY',
        'save: the model is in the midst of an epoch; save in onEpochEnd or after the run, or use model.save for the weights alone',
      );
    }
    const { network, training } = this.#model;
    const { weights, state } = await awaitNative(() => this.#native.copyState());
    const tensors = toWeights([...weights, ...state.tensors]);
    await writeModelFile(path, { network, training, tensors, trainer: this.#describe(state) });
  }

  #describe({ steps, epochs, rateScale }: Omit<NativeTrainerState, 'tensors'>): TrainerSettings {
    const { loss, metrics } = toNativeObjective(this.#objective);
    return { ...this.#settings, loss, metrics, steps, epochs, rateScale };
  }

  get #parts(): TrainerParts {
    return {
      model: this.model as unknown as Model<InputShape>,
      native: this.#native,
      objective: this.#objective,
      facts: { ...this.#settings, threads: this.#threads },
      describe: (state) => this.#describe(state),
    };
  }

  get #model(): ModelState {
    return stateOf(this.model as unknown as Model<InputShape>);
  }

  #checkIdle(operation: string, remedy: string): void {
    if (this.#model.run === undefined) return;
    throw new GradloomError('MODEL_BUSY', `${operation}: the model is being trained; ${remedy}`);
  }

  /** What sets are read for. */
  get #reader(): SetReader {
    return { inputShape: this.model.inputShape, model: this.#model, loss: this.#objective.loss };
  }
}
