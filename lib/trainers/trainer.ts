import { callNative, GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  instanceOf,
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
import type { Shape } from '../core/shape.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { writeFileAtomic } from '../formats/files.ts';
import type { Loss as AnyLoss } from '../losses/loss.ts';
import type { LabelKindOf, LossChoice } from '../losses/make-loss.ts';
import type { FiguresOf, MetricChoice } from '../metrics/make-metrics.ts';
import type { Metric } from '../metrics/metric.ts';
import { Model, stateOf } from '../models/model.ts';
import type { ModelState } from '../models/model-state.ts';
import {
  checkDataset,
  type Evaluation,
  evaluateObjective,
  makeObjective,
  type Objective,
  readLabelled,
  toEvaluation,
  toNativeObjective,
} from '../models/objective.ts';
import type { PredictOptions } from '../models/predictions.ts';
import { checkSameReading, recordTraining } from '../models/training-record.ts';
import {
  type NativeEpochEvent,
  type NativeEvaluation,
  type NativeLabelledSamples,
  type NativeProgressEvent,
  type NativeTrainer,
  native,
} from '../native.ts';
import { makeOptimizer } from '../optimizers/make-optimizer.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { encodeCheckpoint, readCheckpoint, type TrainerSettings } from './checkpoint.ts';
import { readCustom } from './custom.ts';
import { EpochControl } from './epoch-control.ts';
import { type FitOptions, type FitSettings, readFitOptions } from './fit-options.ts';
import type { BatchRecord, EpochRecord } from './history.ts';
import { readLoggers } from './loggers.ts';
import { PROGRESS_INTERVAL_MS, ProgressLine } from './progress-line.ts';
import { recordFacts } from './run-facts.ts';
import { isAtEpochEnd, TrainingRun, whenSettled } from './training-run.ts';

export interface TrainerOptions<
  Loss extends LossChoice = LossChoice,
  Metrics extends readonly MetricChoice[] = readonly MetricChoice[],
> {
  /** Such as `adagrad()`. */
  readonly optimizer: Optimizer;
  /** Such as `'softmaxCrossEntropy'`; binds the labels that `fit` takes. */
  readonly loss: Loss;
  /** Such as `['accuracy']`. Default: none. */
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
}

const TRAINER_OPTIONS = {
  optimizer: required(anything('an optimizer such as adagrad()')),
  loss: required(anything('a loss such as "softmaxCrossEntropy"')),
  metrics: withDefault(anything('a list of metrics such as ["accuracy"]'), []),
  seed: withDefault(seed, 0),
  threads: withDefault(threads, 0),
  nonFinite: withDefault(oneOf('stop', 'skip', 'ignore'), 'stop'),
};

const EVALUATE_OPTIONS = { batchSize: withDefault(extent, 256), threads: optional(threads) };
const LOAD_OPTIONS = {
  threads: withDefault(threads, 0),
  custom: withDefault(anything('a list of custom losses and metrics'), []),
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
  Input extends Shape = Shape,
  const Loss extends LossChoice = LossChoice,
  const Metrics extends readonly MetricChoice[] = readonly [],
> {
  readonly model: Model<Input, Shape>;
  readonly #native: NativeTrainer;
  readonly #objective: Objective;
  readonly #settings: Pick<TrainerSettings, 'optimizer' | 'seed' | 'nonFinite'>;
  readonly #threads: number;

  constructor(model: Model<Input, Shape>, options: TrainerOptions<Loss, Metrics>) {
    this.model = readValue(
      'Trainer',
      'model',
      model,
      instanceOf('made by sequential or loadModel', Model<Input, Shape>),
    );
    const { optimizer, loss, metrics, seed, threads, nonFinite } = readOptions(
      'Trainer',
      options,
      TRAINER_OPTIONS,
    );
    const { native: inner, network } = this.#model;
    this.#objective = makeObjective('Trainer', network, model.outputShape, { loss, metrics });
    this.#settings = { optimizer: makeOptimizer('Trainer', optimizer), seed, nonFinite };
    this.#threads = threads;
    const spec = { ...toNativeObjective(this.#objective), ...this.#settings, threads };
    this.#native = callNative(() => new native.Trainer(inner, spec));
    Object.freeze(this);
  }

  /**
   * Reads a checkpoint that `save` wrote: model, optimizer state and counts. To train on as if nothing had
   * been between, call `fit` with the data and options of before.
   *
   * Files hold no functions: a custom loss and custom metrics that the trainer had are given again, by the same names.
   *
   * Rejects as `loadModel` does, with `FILE_FORMAT` for a file without a trainer, and with `INVALID_OPTION` when a
   * custom loss or metric is missing.
   */
  static async load(
    path: string,
    options: { readonly threads?: number; readonly custom?: readonly (AnyLoss | Metric)[] } = {},
  ): Promise<Trainer<Shape, LossChoice, readonly Metric[]>> {
    readValue('Trainer.load', 'path', path, text);
    const { threads, custom } = readOptions('Trainer.load', options, LOAD_OPTIONS);
    const checkpoint = await readCheckpoint(path, readCustom('Trainer.load', custom));
    const { optimizer, loss, metrics, seed, nonFinite } = checkpoint.settings;
    const trainer = new Trainer<Shape, LossChoice, readonly Metric[]>(checkpoint.model, {
      optimizer,
      loss,
      metrics,
      seed,
      nonFinite,
      threads,
    });
    const inner = trainer.#native;
    callNative(() => inner.setState(checkpoint.readState(inner.getState())));
    return trainer;
  }

  /**
   * Trains for a number of epochs on a thread of its own; the event loop stays free. What is wrong with the
   * arguments is thrown at once, and then nothing is changed.
   *
   * Throws `MODEL_BUSY` when the model trains already, `SHAPE_MISMATCH` and `INVALID_DATA` for data that do
   * not fit the model, the loss or the preprocessing of what it was trained on before.
   */
  fit<Validation extends Dataset<Input, LabelKindOf<Loss>> | undefined = undefined>(
    train: Dataset<Input, LabelKindOf<Loss>>,
    options: FitOptions<FiguresOf<Metrics[number]>, Validation> = {},
  ): TrainingRun<EpochRecord<FiguresOf<Metrics[number]>, Validation>> {
    type Epoch = EpochRecord<FiguresOf<Metrics[number]>, Validation>;
    const settings = readFitOptions('fit', options);
    this.#checkIdle('fit', 'await its run, or stop it, first');
    const { validation, epochs, batchSize, shuffle } = settings;
    const samples = this.#readSet('fit', 'the training set', train);
    const validationSamples =
      validation === undefined ? undefined : this.#readValidationSet(validation, train);
    const { metrics } = this.#objective;
    const control = new EpochControl(settings, { metrics, isValidated: validation !== undefined });
    const line = showsProgress(settings.progress) ? this.#makeProgressLine(settings) : undefined;
    const nativeOptions = {
      epochs,
      batchSize,
      shuffle,
      maxSteps: settings.maxSteps ?? 0,
      maxSeconds: settings.maxSeconds ?? 0,
      validation: validationSamples,
      progressIntervalMs: progressInterval(settings, line !== undefined),
      restoreKept: control.restoresBest,
    };
    const calls = this.#objective.loss.startCalls();
    const model = this.#model;
    const run = new TrainingRun<Epoch>({
      start: (lockstep, onEvent) => {
        const runOptions = { ...nativeOptions, lockstep, lossFunction: calls?.compute };
        const started = callNative(() => this.#native.fit(samples, runOptions, onEvent));
        model.training = recordTraining(this.#objective.loss, train, model.training);
        return started;
      },
      failure: () => calls?.failure(),
      toRecord: (event) => this.#toRecord(event) as Epoch,
      toBatch: (event) => toBatchRecord(metrics, event),
      control,
      loggers: readLoggers('fit', settings.loggers),
      onEpochEnd: settings.onEpochEnd,
      onBatchEnd: settings.onBatchEnd,
      signal: settings.signal,
      progress: line,
    });
    model.run = { isAtEpochEnd: () => isAtEpochEnd(run) };
    whenSettled(run, () => {
      model.run = undefined;
    });
    recordFacts(run, {
      ...this.#settings,
      model: this.model as Model,
      train,
      validation: validation as Dataset | undefined,
      loss: this.#objective.loss.toSpec(),
      metrics: metrics.map(({ kind }) => kind),
      epochs,
      batchSize,
      shuffle,
      threads: this.#threads,
      startedAt: new Date(),
    });
    return run;
  }

  /**
   * The mean loss over a dataset's samples, and the trainer's metrics, by default on the trainer's number of
   * threads. Rejects as `Model.evaluate` does.
   */
  async evaluate(
    dataset: Dataset<Input, LabelKindOf<Loss>>,
    options: PredictOptions = {},
  ): Promise<Evaluation<FiguresOf<Metrics[number]>>> {
    const { batchSize, threads = this.#threads } = readOptions('evaluate', options, EVALUATE_OPTIONS);
    const samples = this.#readSet('evaluate', 'the dataset', dataset);
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
    const state = callNative(() => this.#native.getState());
    const { loss, metrics } = toNativeObjective(this.#objective);
    const settings = {
      ...this.#settings,
      loss,
      metrics,
      steps: state.steps,
      epochs: state.epochs,
      rateScale: state.rateScale,
    };
    await writeFileAtomic(path, encodeCheckpoint(this.model, settings, state.tensors));
  }

  get #model(): ModelState {
    return stateOf(this.model);
  }

  #checkIdle(operation: string, remedy: string): void {
    if (this.#model.run === undefined) return;
    throw new GradloomError('MODEL_BUSY', `${operation}: the model is being trained; ${remedy}`);
  }

  #readValidationSet(given: unknown, train: Dataset): NativeLabelledSamples {
    const validation = checkDataset('fit', 'the validation set', given, this.model.inputShape);
    checkSameReading('fit', ['the validation set', validation], ['the training set', train]);
    return readLabelled(
      'fit',
      'the validation set',
      validation,
      this.#objective.loss,
      this.model.outputShape,
    );
  }

  /** Checks a set against the model, the loss and what the model was trained on before. */
  #readSet(operation: string, name: string, given: unknown): NativeLabelledSamples {
    const dataset = checkDataset(operation, name, given, this.model.inputShape);
    const { training } = this.#model;
    if (training !== undefined) {
      checkSameReading(operation, [name, dataset], ["the model's training data", training]);
    }
    return readLabelled(operation, name, dataset, this.#objective.loss, this.model.outputShape);
  }

  #toRecord({ epoch, validation, ...event }: NativeEpochEvent): object {
    const { steps, skippedSteps, rateScale, seconds, validationSeconds, samplesPerSecond } = event;
    const evaluate = (result: NativeEvaluation) => toEvaluation(this.#objective.metrics, result);
    const validated = validation === undefined ? {} : { validation: evaluate(validation) };
    const peakMemory = process.resourceUsage().maxRSS * 1024;
    const facts = {
      steps,
      skippedSteps,
      rateScale,
      seconds,
      validationSeconds,
      samplesPerSecond,
      peakMemory,
    };
    return Object.freeze({ epoch, ...evaluate(event), ...validated, ...facts });
  }

  #makeProgressLine({
    epochs,
    batchSize,
  }: {
    readonly epochs: number;
    readonly batchSize: number;
  }): ProgressLine {
    return new ProgressLine({
      output: process.stderr,
      epochs,
      batchSize,
      metricNames: this.#objective.metrics.map(({ kind }) => kind),
      now: () => performance.now(),
    });
  }
}

function showsProgress(progress: 'auto' | 'line' | 'none'): boolean {
  return progress === 'line' || (progress === 'auto' && process.stderr.isTTY === true);
}

/** Milliseconds between two progress events; 0: none. */
function progressInterval({ onBatchEnd, batchInterval }: FitSettings, hasLine: boolean): number {
  // The native side takes 0 for none, and no clock tells so little apart.
  const wanted = onBatchEnd === undefined ? Number.POSITIVE_INFINITY : Math.max(batchInterval, 1e-6);
  const least = Math.min(wanted, hasLine ? PROGRESS_INTERVAL_MS : Number.POSITIVE_INFINITY);
  return Number.isFinite(least) ? least : 0;
}

function toBatchRecord(metrics: readonly Metric[], event: NativeProgressEvent): BatchRecord {
  const { epoch, batch, batches, steps, dropped, loss } = event;
  const figures = metrics.flatMap((metric, index) => {
    const figure = event.metrics[index];
    return typeof figure === 'number' ? [[metric.kind, figure] as const] : [];
  });
  return Object.freeze({ epoch, batch, batches, steps, loss, ...Object.fromEntries(figures), dropped });
}
