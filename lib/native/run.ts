/** The part of the addon's surface that is a run of a trainer: its options, its events, and what is asked of it. */
import type { NativeEvaluation, NativeLossFunction, NativeSamplesSeen } from './objective.ts';
import type { NativeLabelledSamples } from './samples.ts';
import type { NativeTensor, NativeTrainerState } from './state.ts';

export interface NativeFitOptions {
  /** Of the run, those before its start included. */
  readonly epochs: number;
  readonly batchSize: number;
  readonly shuffle: 'epoch' | 'never';
  readonly validation?: NativeLabelledSamples | undefined;
  /** For a custom loss. */
  readonly lossFunction?: NativeLossFunction | undefined;
  /** At least this long between two progress events; 0: none. */
  readonly progressIntervalMs: number;
  /** Batches whose mean gradient makes a step. */
  readonly batchesPerStep: number;
  readonly augment?: NativeAugmentation | undefined;
  /** Steps between two that events `inspection` tell of; 0: none. */
  readonly inspectEvery: number;
  /**
   * Of the first steps of the run, when the rate changes: an event `rates` asks for those of the steps that follow.
   * Absent: the optimizer's for all.
   */
  readonly learningRates?: Float64Array | undefined;
  /** Whether the run starts in lockstep, see `NativeRun.setLockstep`. */
  readonly lockstep?: boolean;
  /** Budgets of the run, what was before its start included; 0: none. */
  readonly maxSteps: number;
  readonly maxSeconds: number;
  /** Absent: none. Otherwise one at the end, too; 0: not for that reason. */
  readonly snapshots?:
    | { readonly everySteps: number; readonly everySeconds: number; readonly everyEpochs: number }
    | undefined;
  /** Whether weights that were kept become the model's at the end. */
  readonly restoreKept?: boolean;
  /** Where the run begins that is the rest of another one, and the weights that it had kept. */
  readonly start?:
    | { readonly position: NativeRunPosition; readonly kept?: readonly Float32Array[] | undefined }
    | undefined;
}

/** Of images; 0 and false: not that. */
export interface NativeAugmentation {
  readonly flipsHorizontally: boolean;
  readonly flipsVertically: boolean;
  readonly shift: number;
  readonly extendsEdges: boolean;
  readonly brightness: number;
  readonly contrast: number;
  readonly cutout: number;
}

/** How far a run has come. */
export interface NativeRunPosition {
  /** Epochs, steps and seconds of the run. */
  readonly epochs: number;
  readonly steps: number;
  readonly seconds: number;
  /** Within the epoch; the last part is absent before its first batch. */
  readonly batches: number;
  readonly skippedSteps: number;
  readonly epochSeconds: number;
  readonly loss?: number;
  readonly divisor?: number;
  readonly samples?: number;
  readonly metrics?: Float64Array;
  /** For metrics of all samples. */
  readonly kept?: NativeSamplesSeen;
}

export interface NativeProgressEvent extends NativeEvaluation {
  readonly type: 'progress';
  /** From 1, counted over all runs of the trainer. */
  readonly epoch: number;
  /** Over all runs of the trainer. */
  readonly steps: number;
  readonly batch: number;
  readonly batches: number;
  /** Events of the run so far that were dropped, oldest first, because the event loop was behind. */
  readonly dropped: number;
}

export interface NativeEpochEvent extends NativeEvaluation {
  readonly type: 'epoch';
  readonly epoch: number;
  /** Optimizer steps so far, over all runs of the trainer. */
  readonly steps: number;
  /** Steps of this epoch skipped by `nonFinite: 'skip'`. */
  readonly skippedSteps: number;
  /** The factor of the learning rate. */
  readonly rateScale: number;
  readonly seconds: number;
  readonly validationSeconds: number;
  readonly samplesPerSecond: number;
  readonly validation?: NativeEvaluation;
  /** Of a model with regularizers: their sum on the weights as they are now. */
  readonly penalty?: number;
}

/** What a step did to each parameter that is trained. */
export interface NativeInspectionEvent {
  readonly type: 'inspection';
  /** From 1, over all runs of the trainer. */
  readonly step: number;
  readonly learningRate: number;
  readonly parameters: readonly NativeParameterFigures[];
}

/** Norms are Euclidean. */
export interface NativeParameterFigures {
  readonly name: string;
  /** Penalties included, before clipping. */
  readonly gradientNorm: number;
  /** Before the step. */
  readonly weightNorm: number;
  readonly updateNorm: number;
  /** Of the optimizer's effective rates after the step, over the parameter's elements. */
  readonly smallestRate: number;
  readonly meanRate: number;
  readonly largestRate: number;
}

/** Learning rates are wanted from this step on, by `pushRates`. */
export interface NativeRatesEvent {
  readonly type: 'rates';
  readonly step: number;
}

/** The last event of a run. After `error` the promise of the run is to reject with it. */
export type NativeEndEvent =
  | { readonly type: 'end'; readonly reason: 'completed' | 'stopped' | 'maxSteps' | 'maxSeconds' }
  | { readonly type: 'end'; readonly reason: 'error'; readonly error: Error & { code?: string } };

/** Of a run over a stream: the thread trains on what was pushed last, and the next part may be pushed. */
export interface NativeTakenEvent {
  readonly type: 'taken';
}

/** The state of a run between two steps. `snapshotDone` is to be called for each. */
export interface NativeSnapshotEvent {
  readonly type: 'snapshot';
  /** Of its run. */
  readonly last: boolean;
  /** That it was taken in, or behind, from 1. */
  readonly epoch: number;
  readonly weights: readonly NativeTensor[];
  readonly state: NativeTrainerState;
  readonly kept?: readonly NativeTensor[];
  readonly position: NativeRunPosition;
}

export type NativeRunEvent =
  | NativeTakenEvent
  | NativeProgressEvent
  | NativeEpochEvent
  | NativeSnapshotEvent
  | NativeRatesEvent
  | NativeInspectionEvent
  | NativeEndEvent;

export interface NativeRun {
  /** Asks the training thread to stop at the next step's boundary. Any number of times, from anywhere. */
  stop(): void;
  /** With `true`, the thread waits after each epoch event until `acknowledge` is called once for it. */
  setLockstep(on: boolean): void;
  acknowledge(): void;
  /** With `true`, the thread waits at the next step's boundary until it is false. */
  setPaused(on: boolean): void;
  /** Asks for something at the next step's boundary, or at the run's end. */
  ask(requests: NativeRunRequests): void;
  /** The learning rates of steps `first`, `first + 1`, ..., which follow on those that are there. */
  pushRates(first: number, rates: Float64Array): void;
  /** Until then the thread takes no further snapshot but the last and those that are asked for. */
  snapshotDone(): void;
  /** Of a run over a stream: its next part, once the one before is taken; undefined ends it. Throws for one that does not fit. */
  push(part: NativeLabelledSamples | undefined): void;
}

export interface NativeRunRequests {
  readonly snapshot?: boolean | undefined;
  /** Keeps the weights in place of any that were kept before. */
  readonly keepWeights?: boolean | undefined;
  readonly rateScale?: number | undefined;
}
