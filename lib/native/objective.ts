/** A loss with its metrics, and what they came to. */
import type { Spec } from './spec.ts';

export interface NativeObjective {
  readonly loss: Spec;
  readonly metrics: readonly Spec[];
}

/**
 * Computes the loss of kind `custom` for a batch: returns the mean and fills `gradient`, if that is wanted, with the
 * mean's. Undefined: it failed.
 */
export type NativeLossFunction = (
  outputs: Float32Array,
  labels: Int32Array | Float32Array,
  sampleWeights: Float32Array | undefined,
  gradient: Float32Array | undefined,
  batchSize: number,
) => number | undefined;

export interface NativeEvaluation {
  /** Mean over samples. */
  readonly loss: number;
  /** In the order of the spec's metrics. */
  readonly metrics: readonly NativeFigure[];
  /** For metrics that are computed from all samples here. */
  readonly samples?: NativeSamplesSeen;
}

/** null: not computed, because it takes long (in progress), or because it is computed here. */
export type NativeFigure = null | number | number[] | number[][];

/** What a model gave for the samples of an epoch or evaluation, and what was true, in the order computed. */
export interface NativeSamplesSeen {
  readonly count: number;
  readonly outputs: Float32Array;
  /** A class a sample, or as many values as outputs. */
  readonly labels: Int32Array | Float32Array;
}

export interface NativeLossResult {
  /** Mean over the batch, weighted as the loss says. */
  readonly value: number;
  readonly gradient: Float32Array;
}
