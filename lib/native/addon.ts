/** The addon: its classes and functions. */
import type { NativeTable } from './measuring.ts';
import type { NativeInputGradient, NativeModel, NativePredictOptions } from './model.ts';
import type { NativeEvaluation, NativeLossFunction, NativeLossResult, NativeObjective } from './objective.ts';
import type {
  NativeLabelledSamples,
  NativeMappedRows,
  NativeMappedRowsSpec,
  NativeSamples,
} from './samples.ts';
import type { NetworkSpec, Spec } from './spec.ts';
import type { NativeTrainer, NativeTrainerSpec, NativeUpdater, NativeUpdaterSpec } from './trainer.ts';
import type { NativeWordVectors } from './word-vectors.ts';

/** A lock on a folder, unless it `isBusy`: somebody else of this or another process has it. Ends with its process or Worker at the latest. */
export interface NativeFolderLock {
  readonly isBusy: boolean;
  release(): void;
}

export interface NativeInfo {
  readonly version: string;
  /** OpenBLAS as it describes itself: version, how it was built, and the kernels that it chose for this processor, as `Haswell`. */
  readonly blas: string;
  /**
   * The instruction set that Gradloom's own kernels were chosen for on this processor, as Highway names it: `AVX3` is AVX-512.
   * The environment variable `GRADLOOM_SIMD` names a lesser one to use in its place.
   * Which of them a layer gets follows from its shape: `model.plan()` says it.
   */
  readonly simdTarget: string;
  /** Of g++ or clang, its version. */
  readonly compiler: string;
  /** What `threads: 0` stands for here. */
  readonly defaultThreads: number;
  /** Bytes of native memory held by models, trainers and runs of this process. */
  readonly allocatedBytes: number;
  /** Training and predicting threads alive in this process. */
  readonly liveThreads: number;
}

export interface NativeAddon extends NativeWordVectors {
  readonly Model: new (spec: NetworkSpec) => NativeModel;
  readonly Trainer: new (model: NativeModel, spec: NativeTrainerSpec) => NativeTrainer;
  readonly Updater: new (spec: NativeUpdaterSpec) => NativeUpdater;
  readonly MappedRows: new (spec: NativeMappedRowsSpec) => NativeMappedRows;
  readonly FolderLock: new (path: string) => NativeFolderLock;
  info(): NativeInfo;
  /** Once a process, before any kernel runs: that of this name, as `info().simdTarget` has it, or the best for an empty one. */
  chooseSimdTarget(name: string): void;
  areFinite(values: Float32Array): boolean;
  /** Whether runs keep the memory of arrays that are transferred away meanwhile. */
  canHoldMemory(): boolean;
  /** Of the model as it is (a copy of it while it trains), on a thread of its own. */
  evaluate(
    model: NativeModel,
    objective: NativeObjective & { readonly lossFunction?: NativeLossFunction | undefined },
    samples: NativeLabelledSamples,
    options: NativePredictOptions,
  ): Promise<NativeEvaluation>;
  /**
   * Of each sample one output, by its place, or the loss; and its gradients by what is stored of each input, null of ids, on
   * a thread of its own. Of sparse samples, `offsets` says which entries each has. Random layers and statistics do what they
   * do when predicting.
   */
  inputGradient(
    model: NativeModel,
    samples: NativeSamples | NativeLabelledSamples,
    differentiand: Int32Array | Spec,
    options: NativePredictOptions,
  ): Promise<{ readonly values: Float32Array; readonly gradients: readonly (NativeInputGradient | null)[] }>;
  /** Loss of `[batch, ...outputShape]` outputs and its gradient with respect to them. */
  computeLoss(
    loss: Spec,
    outputs: Float32Array,
    outputShape: readonly number[],
    labels: Int32Array | Float32Array,
    sampleWeights?: Float32Array,
  ): NativeLossResult;
  /**
   * The most that the machine gives so many threads together, on the calling thread and its team, each figure tried for so
   * many seconds: multiply-adds (two operations each) from registers, square roots and divisions by turns, bytes of `y = a x + y` over each working set, and of
   * two threads or more the way of a cache line from one core to another and back. For `bench/`.
   */
  machineLimits(options: {
    readonly threads: number;
    readonly seconds: number;
    /** Bytes of all threads' arrays. */
    readonly workingSets: readonly number[];
    readonly tables: readonly NativeTable[];
  }): {
    readonly flopsPerSecond: number;
    readonly divisionsPerSecond: number;
    readonly roundTripSeconds: number;
    readonly bytesPerSecond: Float64Array;
    /** Of the rows of each of `tables`; what is written counts twice. */
    readonly rowBytesPerSecond: Float64Array;
  };
  /** The Philox4x32-10 block of (counter, key), for tests and for the shuffles made in TypeScript. */
  philox(counter: readonly [number, number, number, number], key: readonly [number, number]): Uint32Array;
}
