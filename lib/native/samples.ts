/** Samples as the native side reads them: arrays, compressed rows and mapped files, with labels. */

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
