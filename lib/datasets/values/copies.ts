/**
 * Copies of a user's numbers as typed arrays of our own, checked. Checks run on the copy where it can change
 * meanwhile.
 */
import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { type Shape, sizeOf } from '../../core/shape.ts';
import { native } from '../../native/index.ts';

/** One sample: all its values in one row, or nested as its shape says. */
export type NestedNumbers = ArrayLike<number> | readonly NestedNumbers[];

/** A copy as float32 of a list of numbers, all of them finite. `size` is that of one sample. */
export function copyFloats(
  operation: string,
  name: string,
  given: ArrayLike<unknown>,
  size: number,
): Float32Array<ArrayBuffer> {
  checkPresent(operation, name, given);
  const copy = allocate(operation, name, given.length, (length) => new Float32Array(length));
  if (types.isTypedArray(given)) copy.set(given as ArrayLike<number>);
  else for (let i = 0; i < copy.length; i++) copy[i] = toNumber(operation, `${name}[${i}]`, given[i]);
  checkFinite(operation, name, copy, size);
  return copy;
}

export function copyBytes(operation: string, name: string, given: Uint8Array): Uint8Array<ArrayBuffer> {
  checkPresent(operation, name, given);
  const copy = allocate(operation, name, given.length, (length) => new Uint8Array(length));
  copy.set(given);
  return copy;
}

/** A copy as float32 of one array a sample, each nested as `shape` says or with all values in one row. */
export function flattenSamples(
  operation: string,
  name: string,
  samples: readonly unknown[],
  shape: Shape,
): Float32Array<ArrayBuffer> {
  checkPresent(operation, name, samples);
  const size = sizeOf(shape);
  const isFlat = isList(samples[0]) && typeof samples[0][0] === 'number';
  const extents = isFlat ? [size] : shape;
  // The first sample shows that the data are there before memory is taken for all.
  let node: unknown = samples[0];
  for (const [depth, extent] of extents.entries())
    node = listOf(operation, name + '[0]'.repeat(depth + 1), node, extent)[0];

  const flat = allocate(operation, name, samples.length * size, (length) => new Float32Array(length));
  let filled = 0;
  const copy = (value: unknown, path: string, depth: number): void => {
    const extent = extents[depth];
    if (extent === undefined) {
      flat[filled++] = toNumber(operation, path, value);
      return;
    }
    const list = listOf(operation, path, value, extent);
    for (let i = 0; i < extent; i++) copy(list[i], `${path}[${i}]`, depth + 1);
  };
  for (let i = 0; i < samples.length; i++) copy(samples[i], `${name}[${i}]`, 0);
  checkFinite(operation, name, flat, size);
  return flat;
}

export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || types.isTypedArray(value);
}

function listOf(operation: string, path: string, value: unknown, length: number): ArrayLike<unknown> {
  if (isList(value) && value.length === length) return value;
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `${operation}: ${path} must be an array of ${length}, got ${formatValue(value)}`,
  );
}

function toNumber(operation: string, path: string, value: unknown): number {
  if (typeof value === 'number') return value;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: ${path} must be a number, got ${formatValue(value)}`,
  );
}

/** An array that was transferred away has no values any more. */
export function checkPresent(operation: string, name: string, given: ArrayLike<unknown>): void {
  if (given.length > 0) return;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: ${name} has no values; it is empty, or its buffer was transferred away or made smaller`,
  );
}

export function allocate<Data>(
  operation: string,
  name: string,
  length: number,
  make: (length: number) => Data,
): Data {
  try {
    return make(length);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new GradloomError('OUT_OF_MEMORY', `${operation}: no memory for the ${length} values of ${name}`, {
      cause: error,
    });
  }
}

export function checkFinite(operation: string, name: string, values: Float32Array, size: number): void {
  if (areFinite(values)) return;
  const index = values.findIndex((value) => !Number.isFinite(value));
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: ${name} must be finite float32 numbers, but value ${index % size} of sample ` +
      `${Math.floor(index / size)} is ${values[index]}; mend or drop such samples`,
  );
}

/** Some hundred values take as long here as a call of the addon, which looks at 20 a nanosecond. */
const FEW = 128;

function areFinite(values: Float32Array): boolean {
  if (values.length > FEW) return native.areFinite(values);
  for (const value of values) {
    if (!Number.isFinite(value)) return false;
  }
  return true;
}
