/**
 * Loads the native addon and declares its whole surface. Nothing else in `lib/` knows that there is a native side:
 * the modules above turn a user's options into the frozen specs below and hand typed arrays through.
 */
import { callNative } from './core/errors.ts';
import { loadAddon } from './core/load-addon.ts';
import type { NativeFitOptions, NativeRun, NativeRunEvent } from './native-run.ts';
import type { NativeWordVectors } from './native-word-vectors.ts';

/** A value that crosses into C++ unchanged: the layer, loss, metric or optimizer named by `kind` reads its own attributes. */
export type SpecValue =
  | null
  | boolean
  | number
  | string
  | Float32Array
  | readonly SpecValue[]
  | { readonly [key: string]: SpecValue | undefined };

/** `{ kind, ...attributes }`. Unset attributes are absent, never null: the defaults live in `lib/`. */
export type Spec = { readonly kind: string; readonly [key: string]: SpecValue | undefined };

/**
 * A layer's spec carries its unique name within the model, for instance `dense_1`, and the names of the layers
 * whose outputs it reads, or of the network's inputs behind an `@`. Default of `inputs`: the layer before it.
 * With `shares` it uses the weights of the layer of that name.
 */
export type LayerSpec = Spec & {
  readonly name: string;
  readonly inputs?: readonly string[];
  readonly shares?: string | undefined;
};

export interface NetworkSpec {
  /** Shape of one sample, channels last, without the batch: `[4]`, `[28, 28, 1]`. Of a network of one input, `input`. */
  readonly inputShape?: readonly number[] | undefined;
  /** In its place for a network of several. */
  readonly inputs?: readonly { readonly name: string; readonly shape: readonly number[] }[] | undefined;
  /** Seed of the initial weights. Undefined: they are 0. */
  readonly seed?: number | undefined;
  readonly layers: readonly LayerSpec[];
  /** Refuse an architecture with more parameters, before memory is taken for them. */
  readonly maxParameters?: number | undefined;
}

/** Compressed rows: row `r` has the entries `[offsets[r], offsets[r + 1])`; without values each is 1. */
export interface NativeSparseInputs {
  readonly offsets: Uint32Array;
  readonly indices: Uint32Array;
  readonly values?: Float32Array | undefined;
}

/** Where the rows of mapped files lie: `size` values each, `stride` bytes from one to the next. */
export interface NativeMappedRowsSpec {
  /** Swapped: of the byte order that this machine has not. */
  readonly type: 'uint8' | 'float32' | 'swappedFloat32';
  readonly size: number;
  readonly stride: number;
  /** Above 1: bytes lie as `[planes, size / planes]` and are read channels last. */
  readonly planes: number;
  /** Whether the system has room for all of them at once. */
  readonly fitsMemory: boolean;
  /** One behind another: `rows` from byte `offset` of a file that has `bytes` in all. */
  readonly files: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly offset: number;
    readonly rows: number;
  }[];
}

/** Mapped until it is collected. What reads it throws `FILE_CHANGED` when a file is not as it was. */
export interface NativeMappedRows {
  readonly rows: number;
  readonly type: 'uint8' | 'float32';
  /** A copy of a row as stored, channels last. */
  read(row: number): Uint8Array | Float32Array;
}

/** A lock on a folder, unless it `isBusy`: somebody else of this or another process has it. Ends with its process or Worker at the latest. */
export interface NativeFolderLock {
  readonly isBusy: boolean;
  release(): void;
}

/**
 * The values of one input, one sample after another. Every value is read as
 * `x * scale[j % scale.length] + shift[j % shift.length]`, `j` its position in the sample.
 */
export interface NativeColumn {
  /** Int32Array: ids. */
  readonly inputs: Float32Array | Uint8Array | Int32Array | NativeSparseInputs | NativeMappedRows;
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/** With `indices`, sample `i` of the set is row `indices[i]` of its inputs. */
interface NativeSet {
  readonly count: number;
  readonly indices?: Uint32Array | undefined;
}

/** `count` samples of one input, or of several: columns in the order of the model's inputs, all of the same rows. */
export type NativeSamples = NativeSet &
  ((NativeColumn & { readonly columns?: undefined }) | { readonly columns: readonly NativeColumn[] });

/** Samples with targets: `labelSize` values a row, rows addressed by the same `indices` as the inputs. */
export type NativeLabelledSamples = NativeSamples & {
  readonly labels: Int32Array | Uint8Array | Float32Array;
  /** Class indices have 1 value a row and are Int32Array or Uint8Array; regression targets are Float32Array. */
  readonly labelSize: number;
  /** One a row, finite and at least 0; absent for 1. */
  readonly sampleWeights?: Float32Array | undefined;
};

export interface NativeParameterInfo {
  /** `<layer>.weight`, `<layer>.bias`, `<layer>.runningMean`. */
  readonly name: string;
  /** Shape in files: `[out, in]` for dense, `[out, in/groups, kh, kw]` for conv2d. */
  readonly shape: readonly number[];
}

export interface NativeLayerInfo {
  readonly name: string;
  readonly kind: string;
  /** Shape of one output sample, channels last. */
  readonly outputShape: readonly number[];
  readonly parameterCount: number;
  /** Those of them that training updates by their gradient: without statistics and what is frozen. */
  readonly trainableCount: number;
  /** Two a multiply-add of the layer's products in one forward pass of one sample. */
  readonly flops: number;
}

export interface NativePlanRow {
  readonly name: string;
  readonly kind: string;
  /** The algorithm chosen by the kernels' table, for instance `winograd`; `fused` where the layer before does this one's work. */
  readonly kernel: string;
  readonly layout: string;
  /** Bytes of the layer's activation, of what it saves for backward, and of its scratch. */
  readonly activationBytes: number;
  readonly savedBytes: number;
  readonly scratchBytes: number;
  /** Forward for a predicting plan; forward and backward for a training plan. */
  readonly flops: number;
}

export interface NativePlanInfo {
  readonly batchSize: number;
  readonly threads: number;
  /** Bytes of the one workspace that holds every buffer of a step, and what they would take without sharing. */
  readonly workspaceBytes: number;
  readonly unsharedBytes: number;
  readonly layers: readonly NativePlanRow[];
}

export interface NativePredictOptions {
  /** Samples a forward pass. */
  readonly batchSize: number;
  /** 0: all that affinity and quota allow. */
  readonly threads: number;
}

export interface NativeDifferentiation {
  readonly output: Float32Array;
  /** Of the first input; empty for ids and sparse samples. */
  readonly inputGradient: Float32Array;
  /**
   * One a parameter, in the order of `parameters` and in its file shape: of a statistic its next value, of a frozen
   * parameter zeros.
   */
  readonly parameterGradients: readonly Float32Array[];
}

export interface NativeModel {
  readonly layers: readonly NativeLayerInfo[];
  readonly outputShape: readonly number[];
  /** What the layers that read an input take of it, in the order of the inputs. */
  readonly inputForms: readonly ('floats' | 'ids' | 'sparse')[];
  readonly parameters: readonly NativeParameterInfo[];
  /** Copies, in file layout, of the state at a step's boundary. */
  getParameters(): Float32Array[];
  /** All or none: lengths are checked before anything is changed. Not while training. */
  setParameters(values: readonly Float32Array[]): void;
  /** As `getParameters`, copied on a thread of its own: as they are at the call. */
  copyParameters(): Promise<{ readonly weights: readonly NativeTensor[] }>;
  /** As `setParameters` on a thread of its own, for a model that nobody else has yet. The arrays stay as they are meanwhile. */
  loadParameters(values: readonly Float32Array[]): Promise<void>;
  plan(batchSize: number, mode: 'train' | 'predict', threads: number): NativePlanInfo;
  /** On the calling thread. An error while the model trains. */
  predictSync(samples: NativeSamples, options: NativePredictOptions): Float32Array;
  /** On a thread of its own. While the model trains: of a copy of the state at a step's boundary. */
  predict(samples: NativeSamples, options: NativePredictOptions): Promise<Float32Array>;
  /** Frees the memory now. Every later call throws `MODEL_DISPOSED`. Not while training. */
  dispose(): void;
  /**
   * Forward in training mode of all samples in one batch, then backward from the given gradient of the output. Changes nothing.
   * Random layers draw as in step `step` of a trainer with this seed.
   */
  differentiate(
    samples: NativeSamples,
    outputGradient: Float32Array,
    options: { readonly threads: number; readonly seed: number; readonly step: number },
  ): NativeDifferentiation;
}

export interface NativeInputGradient {
  readonly data: Float32Array;
  readonly offsets?: Uint32Array;
}

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

/** In file layout. */
export interface NativeTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface NativeTrainerState {
  readonly steps: number;
  readonly epochs: number;
  /** A factor of the learning rate. */
  readonly rateScale: number;
  /** `<parameter>.<state>`, for instance `dense_1.weight.accumulator`. */
  readonly tensors: readonly NativeTensor[];
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

/** Where the time of training steps goes. */
export interface NativeStepProfile {
  /** That the steps ran on. */
  readonly threads: number;
  /** In the order in which they run. */
  readonly parts: readonly NativeStepPart[];
  /** Of the parts together: a step of the quickest 5 ms of steps, or of all steps where they take no 5 ms. */
  readonly seconds: number;
  /** Of each step. */
  readonly stepSeconds: Float64Array;
}

export interface NativeStepPart {
  /** A layer, `conversion` between two layouts, or `gather`, `loss`, `grouping` (of sparse entries), `update` (behind all gradients). */
  readonly name: string;
  readonly pass: 'forward' | 'backward' | '';
  readonly kernel: string;
  /** A step of those that the profile's `seconds` are of. */
  readonly seconds: number;
  /** Of products, by definition, and those that the kernel does for them. */
  readonly flops: number;
  readonly kernelFlops: number;
  /** Square roots and divisions of its updates. */
  readonly divisions: number;
  /** Everything that it has to read or write once, and the memory that this lies in. */
  readonly bytes: number;
  readonly workingSet: number;
  /** Of `bytes`, those in rows of tables, the longest of these rows, and the tables: with what the optimizer keeps, where they are changed. */
  readonly placedBytes: number;
  readonly rowBytes: number;
  readonly tableBytes: number;
}

/** Rows of whole cache lines that are read, or changed, in random order by all threads. */
export interface NativeTable {
  readonly bytes: number;
  readonly rowBytes: number;
  readonly written: boolean;
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

export interface NativeLossResult {
  /** Mean over the batch, weighted as the loss says. */
  readonly value: number;
  readonly gradient: Float32Array;
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

/** Errors thrown by the addon carry a stable `code`; `lib/core/errors.ts` turns them into `GradloomError`. */
export const native: NativeAddon = load();

function load(): NativeAddon {
  const addon = loadAddon() as NativeAddon;
  callNative(() => addon.chooseSimdTarget(process.env.GRADLOOM_SIMD ?? ''));
  return addon;
}
