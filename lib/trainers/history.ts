import type { Evaluation } from '../models/objective.ts';

/** What is known of every epoch, beside its loss and metrics. */
interface EpochFacts {
  /** From 1, counted over all runs of the trainer. */
  readonly epoch: number;
  /** Optimizer steps so far, over all runs of the trainer. */
  readonly steps: number;
  /** Steps of this epoch that `nonFinite: 'skip'` left out. */
  readonly skippedSteps: number;
  /** Of training, without validation. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
}

/**
 * One epoch: the mean loss over its samples and the running metrics, each by its name (`Figures`), as of the steps
 * they were computed in. `validation` is computed after the epoch, for runs that have a validation set.
 *
 * `Validation` is the type of the set that the run was given: a dataset, undefined, or one of both.
 */
export type EpochRecord<Figures = unknown, Validation = unknown> = EpochFacts &
  Evaluation<Figures> &
  ValidationRecord<Evaluation<Figures>, Validation>;

type ValidationRecord<Result, Validation> = unknown extends Validation
  ? { readonly validation?: Result }
  : [Validation] extends [undefined]
    ? unknown
    : undefined extends Validation
      ? { readonly validation?: Result }
      : { readonly validation: Result };

/** What became of a run, as plain data. */
export interface History<Epoch = EpochRecord> {
  readonly epochs: readonly Epoch[];
  /** `'stopped'`: by `stop`, an abort or `break`, before all epochs were done. */
  readonly reason: 'completed' | 'stopped';
}
