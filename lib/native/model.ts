/** A network with its weights, what it says of itself, and its predictions. */
import type { NativeSamples } from './samples.ts';
import type { NativeParameterInfo, NativeTensor } from './state.ts';

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
