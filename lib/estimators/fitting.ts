/** What the trainings of estimators share: passes that can be watched and ended, and targets of any unit. */
import { guardedBy, optional } from '../core/options.ts';
import type { InputShape } from '../core/shape.ts';
import type { AnyDataset, Dataset } from '../datasets/dataset.ts';
import type { Model } from '../models/index.ts';
import { isAbortSignal } from '../trainers/run/fit-options.ts';
import { fitTargetScale, scaleTargets, takeScaleBack } from './target-scale.ts';

export interface FittedEpoch {
  /** From 1. */
  readonly epoch: number;
  /** The mean over the pass, as `losses` will have it. */
  readonly loss: number;
}

export interface WatchOptions {
  /** Ends the training soon after it is aborted; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each pass; what it returns is awaited. */
  readonly onEpoch?: ((epoch: FittedEpoch) => unknown) | undefined;
}

/** Of `WatchOptions`. */
export const WATCH_OPTIONS = {
  signal: optional(guardedBy('an AbortSignal', isAbortSignal)),
  onEpoch: optional(
    guardedBy('a function', (given): given is (epoch: FittedEpoch) => unknown => typeof given === 'function'),
  ),
};

export interface Passes extends WatchOptions {
  readonly epochs: number;
  readonly batchSize: number;
}

interface Fits {
  readonly model: unknown;
  fit(dataset: never, options: object): PromiseLike<unknown>;
}

/** Adds the loss of each pass, by `lossOf`, to `losses`, whose length counts the passes. */
export async function fitWatched<Epoch>(
  trainer: Fits,
  dataset: AnyDataset,
  { signal, onEpoch, ...passes }: Passes,
  losses: number[],
  lossOf: (epoch: Epoch) => number,
): Promise<void> {
  signal?.throwIfAborted();
  const onEpochEnd = async (record: Epoch) => {
    const loss = lossOf(record);
    losses.push(loss);
    await onEpoch?.({ epoch: losses.length, loss });
  };
  await trainer.fit(dataset as never, { ...passes, signal, onEpochEnd, progress: 'none' });
  signal?.throwIfAborted();
}

/** Trains on targets of mean 0 and deviation 1, where they are values; the model and the losses are in the targets' own unit. */
export async function fitInUnit<Input extends InputShape>(
  trainer: Fits,
  dataset: Dataset<Input, 'class'> | Dataset<Input, 'values'>,
  passes: Passes,
): Promise<readonly number[]> {
  const given = dataset as AnyDataset;
  const losses: number[] = [];
  if (dataset.labelKind === 'class') {
    await fitWatched(trainer, given, passes, losses, ({ loss }: { readonly loss: number }) => loss);
    return Object.freeze(losses);
  }
  const scale = fitTargetScale(given);
  const unit = scale.deviation ** 2;
  const lossOf = ({ loss }: { readonly loss: number }) => loss * unit;
  await fitWatched(trainer, scaleTargets(given, scale), passes, losses, lossOf);
  takeScaleBack(trainer.model as Model, scale);
  return Object.freeze(losses);
}
