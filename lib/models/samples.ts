import { types } from 'node:util';
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import { copyBytes, copyFloats, flattenSamples, type NestedNumbers } from '../datasets/copies.ts';
import type { NativeSamples } from '../native.ts';
import type { NativePreprocessing } from './preprocessing.ts';

/**
 * Raw samples in the units of the training data, before their preprocessing: one after another in a typed
 * array, or one array a sample, flat or nested as the model's input shape says.
 */
export type RawSamples = Float32Array | Uint8Array | readonly NestedNumbers[];

/** Copies a user's samples, so that what happens to them while a model predicts does not matter. */
export function readSamples(
  operation: string,
  given: unknown,
  inputShape: Shape,
  preprocessing: NativePreprocessing,
): NativeSamples {
  const inputs = copySamples(operation, given, inputShape);
  const count = inputs.length / sizeOf(inputShape);
  if (Number.isInteger(count)) return { inputs, count, ...preprocessing };
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `${operation}: inputs has ${inputs.length} values, which is no multiple of the ${sizeOf(inputShape)} of one sample ${formatShape(inputShape)}`,
  );
}

function copySamples(operation: string, given: unknown, inputShape: Shape): Float32Array | Uint8Array {
  if (types.isUint8Array(given)) return copyBytes(operation, 'inputs', given);
  if (types.isFloat32Array(given)) return copyFloats(operation, 'inputs', given, sizeOf(inputShape));
  if (Array.isArray(given) && given.length > 0) return flattenSamples(operation, 'inputs', given, inputShape);
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: inputs must be a Dataset, a Float32Array, a Uint8Array or an array of samples, got ${formatValue(given)}`,
  );
}
