import {
  anything,
  extent,
  guardedBy,
  integer,
  nonNegative,
  oneOf,
  optional,
  positive,
  readOptions,
  text,
  withDefault,
} from '../../core/options.ts';
import type { AnyDataset } from '../../datasets/dataset.ts';
import type { BatchRecord, EpochRecord } from '../../history/history.ts';
import type { CheckpointInfo, CheckpointOptions } from '../checkpoints/checkpoint-options.ts';
import type { EarlyStoppingOptions } from '../control/early-stopping.ts';
import type { ReduceOnPlateauOptions } from '../control/plateau.ts';
import type { LoggerChoice } from '../logs/loggers.ts';
import type { AugmentOptions } from '../step/augment.ts';
import type { InspectOptions } from '../step/inspect.ts';
import type { TrainingRun } from './training-run.ts';

export interface FitOptions<
  Figures = unknown,
  Validation extends AnyDataset | undefined = AnyDataset | undefined,
> {
  /** Default: 1; of a stream, all that it gives. */
  readonly epochs?: number;
  /** Samples a step; the last step of an epoch takes what is left. Default: 32. */
  readonly batchSize?: number;
  /**
   * Batches whose mean gradient makes a step (gradient accumulation): as a batch of so many times the size, in the
   * memory of one. The last step of an epoch takes the batches that are left. Default: 1.
   */
  readonly batchesPerStep?: number;
  /** `'epoch'` draws a new order for each epoch, `'never'` keeps the data set's. Default: `'epoch'`. */
  readonly shuffle?: 'epoch' | 'never';
  /**
   * Changes training images at random, such as `{ flip: 'horizontal', shift: 4 }`, on their way into a batch; never those of
   * `validation`, `evaluate` and `predict`. Default: none.
   */
  readonly augment?: AugmentOptions | undefined;
  /** Evaluated after each epoch. */
  readonly validation?: Validation;
  /** Stops the run as `TrainingRun.stop` does. */
  readonly signal?: AbortSignal | undefined;
  /** Optimizer steps after which the run ends. Default: no bound. */
  readonly maxSteps?: number | undefined;
  /** Seconds after which the run ends, validation included and pauses left out. Default: no bound. */
  readonly maxSeconds?: number | undefined;
  /** Ends the run when a figure does not get better any more. */
  readonly earlyStopping?: EarlyStoppingOptions | undefined;
  /** Lowers the learning rate when a figure does not get better any more. */
  readonly reduceOnPlateau?: ReduceOnPlateauOptions | undefined;
  /**
   * Called after each epoch and awaited before the next one; what it throws ends the run with that error. It cannot await the run, which
   * waits for it.
   */
  readonly onEpochEnd?:
    | ((
        epoch: EpochRecord<Figures, Validation>,
        run: TrainingRun<EpochRecord<Figures, Validation>>,
      ) => unknown)
    | undefined;
  /** Writes checkpoints, which `Trainer.resume` goes on from. */
  readonly checkpoint?: CheckpointOptions | undefined;
  /** Called once a checkpoint is on disk, while the run goes on; what it throws ends the run with that error. */
  readonly onCheckpoint?:
    | ((checkpoint: CheckpointInfo, run: TrainingRun<EpochRecord<Figures, Validation>>) => unknown)
    | undefined;
  /**
   * Called after a batch, at most every `batchInterval`, and not awaited: the run goes on meanwhile. Where the event
   * loop is behind, the oldest calls are dropped. What it throws ends the run with that error.
   */
  readonly onBatchEnd?:
    | ((batch: BatchRecord<Figures>, run: TrainingRun<EpochRecord<Figures, Validation>>) => unknown)
    | undefined;
  /** Milliseconds; 0 asks for every batch, which costs the event loop a call a batch. Default: 100. */
  readonly batchInterval?: number;
  /**
   * A look at the steps: called for every `everySteps`th one with the norms of each parameter's gradient, weight and
   * update, and its effective rates; not awaited. All steps of the run then wait for all of their gradients, with the
   * same bits. Default: none.
   */
  readonly inspect?: InspectOptions | undefined;
  /** Such as `[csvLogger('run.csv'), (epoch) => send(epoch)]`. Default: none. */
  readonly loggers?: readonly LoggerChoice<EpochRecord<Figures, Validation>>[] | undefined;
  /**
   * Such as `'run.html'`: a page about the run, written at its end, before the run resolves; see `writeReport` of
   * `gradloom/report`, which gives it a title. Needs the optional packages vega and vega-lite, without which the run rejects with
   * `NOT_INSTALLED` before its first step. A run that ended before its first epoch, or by an error, writes none.
   * Default: none.
   */
  readonly report?: string | undefined;
  /** A live line on stderr: `'auto'` writes it when stderr is a terminal. Default: `'auto'`. */
  readonly progress?: 'auto' | 'line' | 'none';
}

type Callback = (subject: unknown, run: unknown) => unknown;
const callback = guardedBy('a function', (given): given is Callback => typeof given === 'function');

/** Of a stream, all that it gives. */
export const MOST_EPOCHS = 2 ** 31 - 1;

const FIT_OPTIONS = {
  epochs: optional(integer(1, MOST_EPOCHS)),
  batchSize: withDefault(extent, 32),
  batchesPerStep: withDefault(extent, 1),
  shuffle: withDefault(oneOf('epoch', 'never'), 'epoch'),
  augment: optional(anything("options such as { flip: 'horizontal', shift: 4 }")),
  validation: optional(anything('a Dataset')),
  signal: optional(guardedBy('an AbortSignal', isAbortSignal)),
  maxSteps: optional(integer(1)),
  maxSeconds: optional(positive),
  earlyStopping: optional(anything('options such as { patience: 5 }')),
  reduceOnPlateau: optional(anything('options such as { factor: 0.1 }')),
  checkpoint: optional(anything('options such as { folder: "run", everySteps: 1000 }')),
  onCheckpoint: optional(callback),
  onEpochEnd: optional(callback),
  onBatchEnd: optional(callback),
  batchInterval: withDefault(nonNegative, 100),
  inspect: optional(anything('options such as { everySteps: 100, onStep }')),
  loggers: withDefault(anything('a list of loggers'), []),
  report: optional(text),
  progress: withDefault(oneOf('auto', 'line', 'none'), 'auto'),
};

export type FitSettings = ReturnType<typeof readFitOptions>;

export function readFitOptions(operation: string, given: object, kind: 'set' | 'stream' = 'set') {
  const { epochs = kind === 'set' ? 1 : MOST_EPOCHS, ...options } = readOptions(
    operation,
    given,
    FIT_OPTIONS,
  );
  return { ...options, epochs };
}

/** Not by `instanceof`: a signal may come from another realm or a polyfill. */
export function isAbortSignal(given: unknown): given is AbortSignal {
  return (
    typeof given === 'object' &&
    given !== null &&
    'aborted' in given &&
    ['addEventListener', 'removeEventListener'].every(
      (name) => typeof (given as Readonly<Record<string, unknown>>)[name] === 'function',
    )
  );
}
