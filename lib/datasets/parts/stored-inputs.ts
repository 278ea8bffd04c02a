/** The values of one input of all samples as they are stored: in an array, in mapped files, or sparse. */
import { callNative, GradloomError } from '../../core/errors.ts';
import { type Shape, sizeOf } from '../../core/shape.ts';
import type { NativeMappedRows } from '../../native/index.ts';
import { isMapped } from './mapped-inputs.ts';
import type { SparseInputs } from './sparse-inputs.ts';

/** Int32Array: ids, rows of a table. */
export type Inputs = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** With a value for every feature, in memory or in mapped files. */
export type DenseInputs = Inputs | NativeMappedRows;

export type StoredInputs = DenseInputs | SparseInputs;

export function isSparse(inputs: StoredInputs): inputs is SparseInputs {
  return 'offsets' in inputs;
}

export function isBytes(inputs: object): boolean {
  return isMapped(inputs) ? inputs.type === 'uint8' : inputs instanceof Uint8Array;
}

/** The stored values of one sample, not to be written to. Throws `FILE_CHANGED`. */
export function rowOf(inputs: DenseInputs, row: number, size: number): Inputs {
  if (!isMapped(inputs)) return inputs.subarray(row * size, (row + 1) * size);
  return callNative(() => inputs.read(row)) as Inputs;
}

interface ShapedInputs {
  readonly inputs: StoredInputs;
  readonly inputShape: Shape;
}

/** The number of samples of the arrays, views left aside. */
export function countRows({ inputs, inputShape }: ShapedInputs): number {
  if (isSparse(inputs)) return inputs.offsets.length - 1;
  return isMapped(inputs) ? inputs.rows : inputs.length / sizeOf(inputShape);
}

/** The arrays of samples that have a value for every feature. */
export function denseInputs(operation: string, { inputs }: Pick<ShapedInputs, 'inputs'>): DenseInputs {
  if (!isSparse(inputs)) return inputs;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: the samples are sparse, and would have a value for every feature afterwards; scale the values that are given to fromSparse`,
  );
}
