/** Sparse samples as users give them, checked and copied into compressed rows. */
import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import type { SparseInputs } from '../parts/sparse-inputs.ts';
import { checkPresent, copyFloats, isList } from './copies.ts';

/**
 * Of one sample the numbers of its features, each with the value 1, or with values beside them. Features come in any
 * order; those of one number add up.
 */
export type SparseSample =
  | ArrayLike<number>
  | { readonly indices: ArrayLike<number>; readonly values?: ArrayLike<number> | undefined };

/** Entries are numbered by 32 bits. */
const MAX_ENTRIES = 2 ** 32 - 1;

/** One list of features a sample; `features` is how many there are. */
export function readSparseSamples(
  operation: string,
  name: string,
  samples: readonly unknown[],
  features: number,
): SparseInputs {
  // `map` would leave holes as they are.
  const lists = Array.from(samples, (sample, place) => listsOf(operation, `${name}[${place}]`, sample));
  const offsets = new Uint32Array(lists.length + 1);
  let total = 0;
  for (const [place, { indices }] of lists.entries()) {
    total += indices.length;
    if (total > MAX_ENTRIES) throw tooMany(operation, name);
    offsets[place + 1] = total;
  }
  const indices = new Uint32Array(total);
  const isWeighted = lists.some(({ values }) => values !== undefined);
  const values = isWeighted ? new Float32Array(total).fill(1) : undefined;
  for (const [place, sample] of lists.entries()) {
    const first = offsets[place] as number;
    for (let i = 0; i < sample.indices.length; i++) {
      const path = () => `${name}[${place}]${sample.path}[${i}]`;
      indices[first + i] = readFeature(operation, path, sample.indices[i], features);
    }
    if (sample.values !== undefined) {
      values?.set(
        copyFloats(operation, `${name}[${place}].values`, sample.values, sample.values.length),
        first,
      );
    }
  }
  return { offsets, indices, values };
}

/** One of them, copied. */
export function readSparseSample(
  operation: string,
  name: string,
  sample: unknown,
  features: number,
): { readonly indices: Uint32Array; readonly values: Float32Array | undefined } {
  const { indices, values, path } = listsOf(operation, name, sample);
  return {
    indices: Uint32Array.from(indices, (feature, i) =>
      readFeature(operation, () => `${name}${path}[${i}]`, feature, features),
    ),
    values: values && copyFloats(operation, `${name}.values`, values, values.length),
  };
}

interface Lists {
  readonly indices: ArrayLike<unknown>;
  readonly values: ArrayLike<unknown> | undefined;
  /** Where the indices stood in the sample. */
  readonly path: string;
}

function listsOf(operation: string, path: string, sample: unknown): Lists {
  if (isList(sample)) return { indices: sample, values: undefined, path: '' };
  const { indices, values } = (sample ?? {}) as { readonly indices?: unknown; readonly values?: unknown };
  if (!isList(indices) || (values !== undefined && !isList(values))) {
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: ${path} must be a list of features or { indices, values }, got ${formatValue(sample)}`,
    );
  }
  if (values !== undefined && values.length !== indices.length) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: ${path} has ${indices.length} indices and ${values.length} values; expected one value for each`,
    );
  }
  return { indices, values: indices.length === 0 ? undefined : values, path: '.indices' };
}

function readFeature(operation: string, path: () => string, given: unknown, features: number): number {
  if (Number.isInteger(given) && (given as number) >= 0 && (given as number) < features)
    return given as number;
  throw new GradloomError(
    Number.isInteger(given) ? 'ID_OUT_OF_RANGE' : 'INVALID_DATA',
    `${operation}: ${path()} must be the number of a feature, an integer from 0 to ${features - 1}, got ${formatValue(given)}`,
  );
}

function tooMany(operation: string, name: string): GradloomError {
  return new GradloomError(
    'INVALID_DATA',
    `${operation}: ${name} has more than ${MAX_ENTRIES} entries in all; give several datasets`,
  );
}

export interface CompressedRows {
  readonly offsets: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
  readonly values: ArrayLike<number> | undefined;
}

/** Compressed rows of the user's. */
export function copyCompressedRows(operation: string, given: CompressedRows, features: number): SparseInputs {
  checkPresent(operation, 'offsets', given.offsets);
  const count = given.indices.length;
  if (count > MAX_ENTRIES) throw tooMany(operation, 'indices');
  const offsets = new Uint32Array(given.offsets.length);
  for (let row = 0; row < offsets.length; row++) {
    const offset = given.offsets[row];
    const least = row === 0 ? 0 : (offsets[row - 1] as number);
    if (!Number.isInteger(offset) || (offset as number) < least || (offset as number) > count) {
      throw new GradloomError(
        'INVALID_DATA',
        `${operation}: offsets[${row}] must be an integer from ${least}, the offset before, to ${count}, the number of indices, got ${formatValue(offset)}`,
      );
    }
    offsets[row] = offset as number;
  }
  if (offsets[0] !== 0 || offsets.at(-1) !== count) {
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: offsets go from ${offsets[0]} to ${offsets.at(-1)}; expected 0 to ${count}, the number of indices`,
    );
  }
  const indices = new Uint32Array(count);
  for (let entry = 0; entry < count; entry++) {
    indices[entry] = readFeature(operation, () => placeOf(offsets, entry), given.indices[entry], features);
  }
  if (given.values === undefined) return { offsets, indices, values: undefined };
  if (given.values.length !== count) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: values has ${given.values.length} numbers; expected one for each of ${count} indices`,
    );
  }
  const values = count === 0 ? new Float32Array() : copyFloats(operation, 'values', given.values, count);
  return { offsets, indices, values };
}

function placeOf(offsets: Uint32Array, entry: number): string {
  const sample = offsets.findLastIndex((offset) => offset <= entry);
  return `indices[${entry}], of sample ${sample},`;
}

/** A copy of ids as they are stored: int32, 0 or more. */
export function copyIds(
  operation: string,
  name: string,
  given: ArrayLike<unknown>,
  size: number,
): Int32Array<ArrayBuffer> {
  checkPresent(operation, name, given);
  const ids = new Int32Array(given.length);
  for (let i = 0; i < ids.length; i++) ids[i] = toId(operation, name, given[i], { place: i, size });
  return ids;
}

/** `size` is that of one sample. */
export function toId(
  operation: string,
  name: string,
  given: unknown,
  { place, size }: { readonly place: number; readonly size: number },
): number {
  if (Number.isInteger(given) && (given as number) >= 0 && (given as number) < 2 ** 31)
    return given as number;
  throw new GradloomError(
    Number.isInteger(given) ? 'ID_OUT_OF_RANGE' : 'INVALID_DATA',
    `${operation}: ${name} must be ids, integers from 0 to 2147483647, but value ${place % size} of sample ${Math.floor(place / size)} is ${formatValue(given)}`,
  );
}

export function isIntegers(given: unknown): given is Int32Array | Uint32Array {
  return types.isInt32Array(given) || types.isUint32Array(given);
}
