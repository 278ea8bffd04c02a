import { callNative } from '../core/errors.ts';
import type { HeadOutput } from '../losses/heads-loss.ts';
import type { NativeModel } from '../native/index.ts';
import type { Network } from './network/network.ts';
import type { TrainingRecord } from './training-record.ts';

/** What others may ask of the run that trains a model. */
export interface RunInProgress {
  /** Whether the training thread waits for its callers at an epoch's end. */
  isAtEpochEnd(): boolean;
}

/** What trainers and files know of a model. */
export interface ModelState {
  readonly native: NativeModel;
  /** Of each input; kept here, for every look at the native side's makes it anew. */
  readonly inputForms: NativeModel['inputForms'];
  readonly network: Network;
  /** Of a model that has several, in the order in which the native side has them side by side. */
  readonly heads: readonly HeadOutput[] | undefined;
  /** What it was trained with, from its first `fit` on. */
  training: TrainingRecord | undefined;
  /** The run that trains it now. */
  run: RunInProgress | undefined;
}

/** Throws `MODEL_DISPOSED` once its memory was freed: for what reads of a model only what is kept beside that. */
export function checkNotDisposed({ native: inner }: ModelState): void {
  callNative(() => inner.outputShape);
}
