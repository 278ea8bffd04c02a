/** From checked data and options to a run. */
import { callNative, GradloomError } from '../../core/errors.ts';
import type { InputShape } from '../../core/shape.ts';
import { Dataset } from '../../datasets/dataset.ts';
import { type RunFacts, recordFacts } from '../../history/run-facts.ts';
import type { FilePart } from '../../models/files/model-file.ts';
import { toWeights } from '../../models/files/weights.ts';
import { type Model, stateOf } from '../../models/model.ts';
import type { Objective } from '../../models/objective.ts';
import { recordTraining } from '../../models/training-record.ts';
import type {
  NativeLabelledSamples,
  NativeSnapshotEvent,
  NativeTensor,
  NativeTrainer,
  NativeTrainerState,
} from '../../native/index.ts';
import { hasFixedRate } from '../../optimizers/optimizer.ts';
import { ratesOf } from '../../schedules/schedule.ts';
import { findBest } from '../checkpoints/best-checkpoint.ts';
import type { TrainerSettings } from '../checkpoints/checkpoint.ts';
import { checkFolder, makeFolder } from '../checkpoints/checkpoint-folder.ts';
import { CheckpointKeeper } from '../checkpoints/checkpoint-keeper.ts';
import {
  type CheckpointInfo,
  type CheckpointSettings,
  readCheckpointOptions,
  snapshotTimes,
} from '../checkpoints/checkpoint-options.ts';
import { EpochLines } from '../checkpoints/epoch-lines.ts';
import { FolderHold } from '../checkpoints/folder-hold.ts';
import { fingerprint, type RunState, type SavedRun, toRunPart } from '../checkpoints/run-state.ts';
import { EpochControl } from '../control/epoch-control.ts';
import { readLoggers } from '../logs/loggers.ts';
import { PROGRESS_INTERVAL_MS, ProgressLine } from '../logs/progress-line.ts';
import { toBatchRecord, toEpochRecord } from '../logs/records.ts';
import { readAugmentOptions } from '../step/augment.ts';
import { readInspectOptions, toStepInspection } from '../step/inspect.ts';
import { type FitSettings, MOST_EPOCHS } from './fit-options.ts';
import { RunReport } from './run-report.ts';
import { StreamPump } from './stream-pump.ts';
import { isAtEpochEnd, TrainingRun, whenSettled } from './training-run.ts';

/** Learning rates are evaluated for so many steps at a time, one or two times ahead of the training thread. */
const STEPS_AHEAD = 8192;

/** What a run needs of its trainer. */
export interface TrainerParts {
  readonly model: Model<InputShape>;
  readonly native: NativeTrainer;
  readonly objective: Objective;
  readonly facts: Pick<RunFacts, 'optimizer' | 'optimizers' | 'seed' | 'nonFinite' | 'threads'>;
  /** What files hold of the trainer in a state. */
  describe(state: Omit<NativeTrainerState, 'tensors'>): TrainerSettings;
}

export interface RunData {
  readonly sets: Pick<RunFacts, 'train' | 'validation'>;
  /** Those of a stream come one part after another. */
  readonly samples: NativeLabelledSamples | StreamPump;
  readonly validation: NativeLabelledSamples | undefined;
}

/** Of a run over data sets. */
export interface SetData extends RunData {
  readonly samples: NativeLabelledSamples;
}

/** The run that another one goes on with, and its folder. */
export interface ResumedRun extends SavedRun {
  readonly hold: FolderHold;
}

/** Throws what is wrong with the options. */
export function startRun<Epoch>(
  operation: string,
  trainer: TrainerParts,
  data: RunData,
  settings: FitSettings,
  resumed?: ResumedRun,
): TrainingRun<Epoch> {
  const hold = resumed?.hold ?? new FolderHold(operation);
  try {
    const run = makeRun<Epoch>(operation, trainer, data, settings, { hold, resumed });
    whenSettled(run, () => hold.release());
    return run;
  } catch (error) {
    hold.release();
    throw error;
  }
}

function makeRun<Epoch>(
  operation: string,
  trainer: TrainerParts,
  { sets, samples, validation }: RunData,
  settings: FitSettings,
  { hold, resumed }: { readonly hold: FolderHold; readonly resumed: SavedRun | undefined },
): TrainingRun<Epoch> {
  const { loss, metrics } = trainer.objective;
  const checkpoint =
    settings.checkpoint === undefined ? undefined : readCheckpointOptions(operation, settings.checkpoint);
  const { optimizer } = trainer.facts;
  if (settings.reduceOnPlateau !== undefined && hasFixedRate(optimizer)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: reduceOnPlateau lowers the learning rate, and ${optimizer.kind} needs the same one in all steps; leave it out, or use earlyStopping`,
    );
  }
  const watched = { metrics, isValidated: validation !== undefined };
  const control = new EpochControl({ ...settings, keepBest: checkpoint?.keepBest }, watched);
  if (resumed !== undefined) control.restore(resumed.control);
  const loggers = readLoggers(operation, settings.loggers);
  const augment = readAugmentOptions(operation, settings.augment, trainer.model.inputShape);
  const inspect = readInspectOptions(operation, settings.inspect);
  const line = showsProgress(settings.progress) ? makeLine(trainer, settings, resumed, samples) : undefined;
  const pump = samples instanceof StreamPump ? samples : undefined;
  const report = settings.report === undefined ? undefined : new RunReport(settings.report);
  const ofValidation = checkpoint && validation && fingerprint(validation);
  if (checkpoint !== undefined) {
    const steps = resumed === undefined ? trainer.native.steps : Number.POSITIVE_INFINITY;
    makeFolder(checkpoint.folder);
    hold.take(checkpoint.folder);
    checkFolder(operation, checkpoint.folder, steps);
    const { keepBest } = control;
    const best =
      keepBest && findBest(operation, checkpoint.folder, { steps, keepBest, validation: ofValidation });
    if (best !== undefined) control.holdAgainst(best);
  }
  const nativeOptions = {
    // A run that had ended by itself has nothing left to do.
    epochs: control.isOver ? (resumed?.position.epochs ?? 0) : settings.epochs,
    batchSize: settings.batchSize,
    batchesPerStep: settings.batchesPerStep,
    augment,
    inspectEvery: inspect?.everySteps ?? 0,
    shuffle: settings.shuffle,
    maxSteps: settings.maxSteps ?? 0,
    maxSeconds: settings.maxSeconds ?? 0,
    validation,
    progressIntervalMs: progressInterval(settings, line !== undefined),
    restoreKept: control.restoresBest,
    snapshots: checkpoint === undefined ? undefined : snapshotTimes(checkpoint),
  };
  // Not held for longer than until the thread begins: these arrays lie in the bytes of the whole file.
  let beginning = resumed && {
    position: resumed.position,
    kept: keptInOrder(trainer.model, resumed.kept),
  };
  const readBefore = resumed && {
    position: { epochs: resumed.position.epochs, batches: resumed.position.batches },
    print: resumed.data.train,
  };
  const calls = loss.startCalls();
  const { learningRate } = trainer.facts.optimizer;
  const rates =
    typeof learningRate === 'number' ? undefined : (step: number) => ratesOf(learningRate, step, STEPS_AHEAD);
  const model = stateOf(trainer.model);
  const ofSet =
    checkpoint === undefined || pump !== undefined ? '' : fingerprint(samples as NativeLabelledSamples);
  const lines = resumed?.lines ?? new EpochLines();
  const describe = (snapshot: NativeSnapshotEvent, epochs: readonly object[], best: number | undefined) => {
    const state = {
      options: plainOptions(settings, checkpoint),
      position: snapshot.position,
      control: control.state(best),
      data: { train: pump?.fingerprintAt(snapshot.position) ?? ofSet, validation: ofValidation },
      kept: snapshot.kept,
    };
    return describeSnapshot(trainer, snapshot, toRunPart(state, lines.of(epochs)));
  };
  const run: TrainingRun<Epoch> = new TrainingRun<Epoch>({
    prepare: report && (() => report.prepare()),
    report: report && ((history) => report.write(run, history)),
    start: (lockstep, onEvent) => {
      const options = {
        ...nativeOptions,
        lockstep,
        lossFunction: calls?.compute,
        learningRates: rates?.(trainer.native.steps),
        start: beginning,
      };
      beginning = undefined;
      if (samples instanceof StreamPump) {
        const started = callNative(() =>
          trainer.native.fit(undefined, options, (event) => {
            if (event.type === 'taken') samples.taken();
            else onEvent(event);
          }),
        );
        if (readBefore === undefined) void samples.feed(started);
        else if (readBefore.position.epochs >= nativeOptions.epochs) samples.feedNothing(started);
        else void samples.feed(started, readBefore);
        return started;
      }
      const started = callNative(() => trainer.native.fit(samples, options, onEvent));
      if (sets.train instanceof Dataset) model.training = recordTraining(loss, sets.train, model.training);
      return started;
    },
    failure: () => calls?.failure() ?? pump?.failure,
    rates: (step) => rates?.(step) ?? new Float64Array(),
    toRecord: (event) => toEpochRecord(metrics, event) as Epoch,
    toBatch: (event) => toBatchRecord(metrics, event),
    earlier: (resumed?.epochs ?? []) as readonly Epoch[],
    control,
    loggers,
    onEpochEnd: settings.onEpochEnd,
    onBatchEnd: settings.onBatchEnd,
    onInspection: (event) => inspect?.onStep(toStepInspection(event)),
    signal: settings.signal,
    progress: line,
    openCheckpoints:
      checkpoint === undefined
        ? undefined
        : (hooks) =>
            new CheckpointKeeper({
              ...hooks,
              settings: checkpoint,
              describe,
              settleBest: (figure, isWritten) => control.settleBest(figure, isWritten),
              onCheckpoint: (info: CheckpointInfo) => settings.onCheckpoint?.(info, run),
            }),
  });
  model.run = { isAtEpochEnd: () => isAtEpochEnd(run) };
  whenSettled(run, () => {
    model.run = undefined;
    pump?.end();
  });
  const { batchSize, shuffle } = settings;
  const epochs = settings.epochs === MOST_EPOCHS ? Number.POSITIVE_INFINITY : settings.epochs;
  recordFacts(run, {
    ...trainer.facts,
    ...sets,
    model: trainer.model,
    loss: loss.toSpec(),
    metrics: metrics.map(({ kind }) => kind),
    epochs,
    batchSize,
    shuffle,
    options: plainOptions(settings, undefined) as Readonly<Record<string, unknown>>,
    startedAt: new Date(),
  });
  return run;
}

/** The options that a run goes on with when it is resumed. Functions are given again, and the folder is where it is. */
function plainOptions(
  settings: FitSettings,
  checkpoint: CheckpointSettings | undefined,
): RunState['options'] {
  const { epochs, batchSize, batchesPerStep, shuffle, augment, maxSteps, maxSeconds } = settings;
  const { earlyStopping, reduceOnPlateau } = settings;
  const { folder: _, ...times } = checkpoint ?? { folder: '' };
  return {
    epochs,
    batchSize,
    batchesPerStep,
    shuffle,
    augment,
    maxSteps,
    maxSeconds,
    earlyStopping,
    reduceOnPlateau,
    checkpoint: times,
  };
}

function describeSnapshot(trainer: TrainerParts, { weights, state }: NativeSnapshotEvent, run: FilePart) {
  const { network, training } = stateOf(trainer.model);
  return {
    network,
    training,
    tensors: toWeights([...weights, ...state.tensors]),
    trainer: trainer.describe(state),
    run,
  };
}

/** In the order of the model's parameters. */
function keptInOrder(
  model: Model<InputShape>,
  kept: readonly NativeTensor[] | undefined,
): readonly Float32Array[] | undefined {
  if (kept === undefined) return undefined;
  const values = new Map(kept.map(({ name, data }) => [name, data]));
  return stateOf(model).native.parameters.map(({ name }) => values.get(name) ?? new Float32Array());
}

function makeLine(
  { objective }: TrainerParts,
  { epochs, batchSize }: FitSettings,
  resumed: RunState | undefined,
  samples: RunData['samples'],
): ProgressLine {
  return new ProgressLine({
    output: process.stderr,
    epochs:
      samples instanceof StreamPump ? Number.POSITIVE_INFINITY : epochs - (resumed?.position.epochs ?? 0),
    batchSize,
    metricNames: objective.metrics.map(({ kind }) => kind),
    now: () => performance.now(),
  });
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
