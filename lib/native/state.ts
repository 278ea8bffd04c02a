/** Weights and the state of training, in the layout of files. */

export interface NativeParameterInfo {
  /** `<layer>.weight`, `<layer>.bias`, `<layer>.runningMean`. */
  readonly name: string;
  /** Shape in files: `[out, in]` for dense, `[out, in/groups, kh, kw]` for conv2d. */
  readonly shape: readonly number[];
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
