/** Finding the checkpoint that a run goes on from, and the options that it goes on with. */
import { GradloomError } from '../../core/errors.ts';
import {
  anything,
  integer,
  optional,
  positive,
  readOptions,
  threads,
  withDefault,
} from '../../core/options.ts';
import type { AnyDataset } from '../../datasets/dataset.ts';
import type { Loss as AnyLoss } from '../../losses/loss.ts';
import type { HeadLosses, LossChoice } from '../../losses/make-loss.ts';
import type { FiguresFor, MetricChoices } from '../../metrics/make-metrics.ts';
import type { Metric } from '../../metrics/metric.ts';
import { explain, fileError, type ModelFile, readModelFile } from '../../models/files/model-file.ts';
import { type LearningRate, learningRateRule } from '../../schedules/learning-rate.ts';
import { listCheckpoints } from '../checkpoints/checkpoint-folder.ts';
import { fingerprint, type RunState, readRunPart, type SavedRun } from '../checkpoints/run-state.ts';
import { STATED } from '../checkpoints/stated.ts';
import { type FitOptions, type FitSettings, readFitOptions } from './fit-options.ts';
import type { RunData } from './start-run.ts';
import { StreamPump } from './stream-pump.ts';

/** Everything else is as it was. */
export interface ResumeOptions<
  Validation extends AnyDataset | undefined = AnyDataset | undefined,
  Metrics extends MetricChoices = readonly Metric[],
  Loss extends LossChoice | HeadLosses = LossChoice,
> extends Pick<
    FitOptions<FiguresFor<Metrics, Loss>, Validation>,
    | 'validation'
    | 'signal'
    | 'onEpochEnd'
    | 'onBatchEnd'
    | 'onCheckpoint'
    | 'batchInterval'
    | 'inspect'
    | 'loggers'
    | 'report'
    | 'progress'
  > {
  /** Epochs of the whole run, in place of those of before. */
  readonly epochs?: number | undefined;
  /** A new budget that counts from here. Default: the run's, which counts on. */
  readonly maxSteps?: number | undefined;
  /** A new budget that counts from here. Default: the run's, which counts on. */
  readonly maxSeconds?: number | undefined;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number | undefined;
  /** As in `TrainerOptions`. Default: no limit. */
  readonly memoryLimit?: number | undefined;
  /** The custom loss and custom metrics of the run: files hold no functions. */
  readonly custom?: readonly (AnyLoss | Metric)[] | undefined;
  /**
   * The loss of the run, so that types know its labels and the figures of heads; a custom one need not stand in `custom`, too.
   * Another one is an error. Default: types do not know it.
   */
  readonly loss?: Loss | undefined;
  /**
   * The metrics of the run, or some of them, so that types know the figures of epochs; custom ones need not stand in `custom`, too. The
   * run keeps all that it has; others are an error. Default: types know no figures by name.
   */
  readonly metrics?: Metrics | undefined;
  /** The learning rate of the run, if it was a function; or another one. */
  readonly learningRate?: LearningRate | undefined;
}

const again = optional(anything('as in fit'));
/** What `fit` reads. */
const RUN_OPTIONS = {
  validation: again,
  signal: again,
  onEpochEnd: again,
  onBatchEnd: again,
  onCheckpoint: again,
  batchInterval: again,
  inspect: again,
  loggers: again,
  report: again,
  progress: again,
};
const OPTIONS = {
  epochs: optional(integer(1, 2 ** 31 - 1)),
  maxSteps: optional(integer(1)),
  maxSeconds: optional(positive),
  ...RUN_OPTIONS,
  threads: withDefault(threads, 0),
  memoryLimit: optional(integer(1)),
  custom: withDefault(anything('a list of custom losses and metrics'), []),
  ...STATED,
  learningRate: optional(learningRateRule),
};

const OPERATION = 'Trainer.resume';

export function readResumeOptions(given: object) {
  return readOptions(OPERATION, given, OPTIONS);
}

export interface FoundCheckpoint {
  readonly path: string;
  readonly file: ModelFile;
  readonly run: SavedRun;
}

/**
 * The latest checkpoint of a folder that is whole. Later ones that are not are left where they are, with a process
 * warning.
 */
export async function findCheckpoint(folder: string): Promise<FoundCheckpoint> {
  const files = await listCheckpoints(folder);
  let first: unknown;
  for (const { path } of files) {
    try {
      const file = await readModelFile(path);
      if (file.run === undefined)
        throw fileError(path, 'it is no checkpoint of a run; read it with Trainer.load');
      return { path, file, run: await readRunPart(path, file.run) };
    } catch (error) {
      first ??= error;
      process.emitWarning(`a checkpoint is left out: ${(error as Error).message}`);
    }
  }
  if (first !== undefined) throw first;
  throw new GradloomError('FILE_NOT_FOUND', `${OPERATION}: ${folder} holds no checkpoint; begin with fit`);
}

/** The options of the run, with those that are given now. */
export function resumedSettings(
  { path, run }: FoundCheckpoint,
  folder: string,
  given: ReturnType<typeof readResumeOptions>,
): FitSettings {
  const { epochs, maxSteps, maxSeconds } = given;
  const { position } = run;
  const defined = Object.fromEntries(
    Object.entries(given).filter(([name, value]) => name in RUN_OPTIONS && value !== undefined),
  );
  // What the caller gives is wrong by itself, what the file holds is a matter of the file.
  readFitOptions(OPERATION, defined);
  return explain(path, 'run', () =>
    readFitOptions(OPERATION, {
      ...withoutNulls(run.options),
      ...defined,
      ...(epochs === undefined ? {} : { epochs }),
      ...(maxSteps === undefined ? {} : { maxSteps: position.steps + maxSteps }),
      ...(maxSeconds === undefined ? {} : { maxSeconds: position.seconds + maxSeconds }),
      checkpoint: { ...(run.options.checkpoint as object), folder },
    }),
  );
}

function withoutNulls(options: RunState['options']): RunState['options'] {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null));
}

/** Refuses data that are not those of the run, as far as a look at some of the samples tells. */
export function checkSameData(run: RunState, { samples, validation }: RunData): void {
  const invalid = (text: string) => new GradloomError('INVALID_DATA', `${OPERATION}: ${text}`);
  const isStream = samples instanceof StreamPump;
  if (run.data.train.startsWith('stream:') !== isStream) {
    throw invalid(
      isStream
        ? 'the run was over a data set; give it in place of a stream'
        : 'the run was over a stream; give one with the same samples from their beginning, fromStream(...)',
    );
  }
  // A stream's samples are compared as they come.
  if (!isStream && run.data.train !== fingerprint(samples)) {
    throw invalid("the training set is not the run's, in its samples or their order; give the same data");
  }
  const before = run.data.validation;
  if ((before === undefined) !== (validation === undefined)) {
    throw invalid(
      before === undefined
        ? 'the run had no validation set; leave it out'
        : 'the run had a validation set; give it again, { validation }',
    );
  }
  if (validation !== undefined && before !== fingerprint(validation)) {
    throw invalid("the validation set is not the run's, in its samples or their order; give the same data");
  }
}
