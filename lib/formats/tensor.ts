/**
 * The element types of safetensors that whole bytes hold, each with the array that carries it. F16, BF16 and F8 are
 * the bits as integers, BOOL is one byte a value.
 */
export const ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F8_E5M2: Uint8Array,
  F8_E4M3: Uint8Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export type DataType = keyof typeof ARRAYS;

/** `data` holds the product of `shape` values, the last axis moving fastest; `[]` is one value. */
export type Tensor = {
  readonly [Type in DataType]: {
    readonly dtype: Type;
    readonly shape: readonly number[];
    readonly data: InstanceType<(typeof ARRAYS)[Type]>;
  };
}[DataType];

/** What is written as BF16 from the float32 values that it stands for, whose lower halves are zeros. */
export interface CutFloats {
  readonly dtype: 'BF16';
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export function isCut(tensor: Tensor | CutFloats): tensor is CutFloats {
  return tensor.dtype === 'BF16' && tensor.data instanceof Float32Array;
}

export function isDataType(name: string): name is DataType {
  return Object.hasOwn(ARRAYS, name);
}

/** The product of a shape; undefined from 2^53 on, also on the way to a smaller product. */
export function countValues(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const extent of shape) {
    count *= extent;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}
