/** What trains a model, and an optimizer over arrays alone. */
import type { NativeStepProfile } from './measuring.ts';
import type { NativeLossFunction, NativeObjective } from './objective.ts';
import type { NativeFitOptions, NativeRun, NativeRunEvent } from './run.ts';
import type { NativeLabelledSamples } from './samples.ts';
import type { Spec } from './spec.ts';
import type { NativeParameterInfo, NativeTensor, NativeTrainerState } from './state.ts';

export interface NativeClip {
  readonly by: 'globalNorm' | 'norm' | 'value';
  readonly limit: number;
  readonly norm: 'euclidean' | 'maximum';
}

export interface NativeTrainerSpec extends NativeObjective {
  readonly optimizer: Spec;
  /** Of parameters that say so, from 1. */
  readonly others?: readonly Spec[] | undefined;
  readonly clipGradients?: NativeClip | undefined;
  /** One a parameter, in the order of `NativeModel.parameters`; absent: all as the optimizer has it. */
  readonly parameters?:
    | readonly {
        readonly learningRateMultiplier: number;
        readonly weightDecay: number;
        /** 0: `optimizer`; else one of `others`. Default: 0. */
        readonly optimizer?: number;
      }[]
    | undefined;
  /** Seed of shuffling and dropout. */
  readonly seed: number;
  readonly threads: number;
  /** Bytes; 0: none. */
  readonly memoryLimit: number;
  readonly nonFinite: 'stop' | 'skip' | 'ignore';
  /** Whether `loadState` comes before all else. Until then the state is zeros, which cost nothing. */
  readonly awaitsState?: boolean | undefined;
}

export interface NativeTrainer {
  /** Throws when the model already trains. The thread starts at once; events arrive on the event loop, `end` last. */
  fit(
    /** Undefined: a stream, whose parts are pushed. Each is an epoch. */
    train: NativeLabelledSamples | undefined,
    options: NativeFitOptions,
    onEvent: (event: NativeRunEvent) => void,
  ): NativeRun;
  /**
   * One step on all samples as one batch, on the calling thread: the loss before the update, NaN where `nonFinite: 'skip'`
   * left the step out. `learningRate`, where it changes: of this step.
   */
  trainStep(
    samples: NativeLabelledSamples,
    options: {
      readonly lossFunction?: NativeLossFunction | undefined;
      readonly learningRate?: number | undefined;
    },
  ): number;
  /**
   * Trains so many steps on consecutive whole batches of the samples, on the calling thread, and times their parts: for
   * `bench/`. A few more come first. `searchesThreads`: as many threads take part as a run would find fastest, in place of
   * all.
   */
  profile(
    samples: NativeLabelledSamples,
    options: { readonly batchSize: number; readonly steps: number; readonly searchesThreads?: boolean },
  ): NativeStepProfile;
  /** Optimizer steps so far. */
  readonly steps: number;
  getState(): NativeTrainerState;
  /** What the optimizer would multiply small gradients with, of each parameter that is trained, in file layout. */
  effectiveRates(learningRate: number): readonly NativeTensor[];
  /** As `getState`, and the model's weights, copied on a thread of its own: as they are at the call. */
  copyState(): Promise<{ readonly weights: readonly NativeTensor[]; readonly state: NativeTrainerState }>;
  /** The tensors of its state. */
  readonly states: readonly NativeParameterInfo[];
  /**
   * On a thread of its own, for a trainer that nobody else has yet. All or none; names and lengths are checked before anything
   * is changed. The arrays stay as they are meanwhile.
   */
  loadState(state: NativeTrainerState): Promise<void>;
  /** Forgets optimizer state, step and epoch count; the model's weights stay. */
  reset(): void;
}

export interface NativeUpdaterSpec {
  readonly optimizer: Spec;
  readonly shapes: readonly (readonly number[])[];
  /** One a parameter; absent: all as the optimizer has it. */
  readonly parameters?:
    | readonly { readonly learningRateMultiplier: number; readonly weightDecay: number }[]
    | undefined;
  readonly threads: number;
  readonly clipGradients?: NativeClip | undefined;
  /** `'stop'`: a gradient that is not finite throws `NOT_FINITE` before anything is changed. */
  readonly nonFinite: 'stop' | 'ignore';
}

/** An optimizer over arrays of the caller's, without a model. */
export interface NativeUpdater {
  readonly stateNames: readonly string[];
  /** Updates the parameters in place; the step count advances by one. The rate's default is the optimizer's. */
  step(parameters: readonly Float32Array[], gradients: readonly Float32Array[], learningRate?: number): void;
  /** Copies: one list a parameter, in the order of `stateNames`. */
  getState(): Float32Array[][];
  /** What the next step would multiply small gradients with: one a value of each parameter. */
  effectiveRates(learningRate?: number): Float32Array[];
}
