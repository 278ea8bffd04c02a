import {
  anything,
  integer,
  oneOf,
  optional,
  positive,
  readOptions,
  required,
  text,
  withDefault,
} from '../../core/options.ts';

export interface CheckpointOptions {
  /** Is made if it does not exist. One folder a run: while one writes to it, others are refused with `FOLDER_BUSY`. */
  readonly folder: string;
  /** Optimizer steps between two checkpoints: one at each multiple. */
  readonly everySteps?: number | undefined;
  readonly everySeconds?: number | undefined;
  /** Default: 1, unless steps or seconds are given. */
  readonly everyEpochs?: number | undefined;
  /** So many of the latest stay. Default: 3. */
  readonly keepLast?: number | undefined;
  /**
   * Keeps the checkpoint of the best epoch, by the loss or a metric named as in `earlyStopping`'s `monitor`, as
   * `best.safetensors`. One that is in the folder already, of an earlier `fit` of the trainer, stays until a better one
   * comes; one by another figure, over another validation set or of another run is refused. Default: not kept.
   */
  readonly keepBest?:
    | { readonly metric?: string | undefined; readonly mode?: 'min' | 'max' | undefined }
    | undefined;
  /**
   * When one cannot be written: `'stop'` ends the run with the error, `'warn'` gives a process warning and trains on.
   * Default: `'stop'`.
   */
  readonly onError?: 'stop' | 'warn' | undefined;
}

/** A checkpoint that is on disk. */
export interface CheckpointInfo {
  readonly path: string;
  /** Optimizer steps over all runs of the trainer. */
  readonly steps: number;
  /** The epoch that it was taken in, or behind, from 1. */
  readonly epoch: number;
  /** Whether it is kept as the best. */
  readonly isBest: boolean;
  /** Whether it is its run's last. */
  readonly isLast: boolean;
}

const OPTIONS = {
  folder: required(text),
  everySteps: optional(integer(1)),
  everySeconds: optional(positive),
  everyEpochs: optional(integer(1)),
  keepLast: withDefault(integer(1), 3),
  keepBest: optional(anything('{ metric }')),
  onError: withDefault(oneOf('stop', 'warn'), 'stop'),
};

const KEEP_BEST = { metric: optional(text), mode: optional(oneOf('min', 'max')) };

export type CheckpointSettings = ReturnType<typeof readCheckpointOptions>;

export function readCheckpointOptions(operation: string, given: unknown) {
  const named = `${operation}: checkpoint`;
  const { keepBest, ...options } = readOptions(named, given as object, OPTIONS);
  const best =
    keepBest === undefined ? undefined : readOptions(`${named}: keepBest`, keepBest as object, KEEP_BEST);
  return { ...options, keepBest: best };
}

/** As the native side takes them; 0: not for that reason. */
export function snapshotTimes({ everySteps, everySeconds, everyEpochs }: CheckpointSettings) {
  const isNamed = everySteps !== undefined || everySeconds !== undefined;
  return {
    everySteps: everySteps ?? 0,
    everySeconds: everySeconds ?? 0,
    everyEpochs: everyEpochs ?? (isNamed ? 0 : 1),
  };
}
