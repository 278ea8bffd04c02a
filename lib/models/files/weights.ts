import { types } from 'node:util';
import { GradloomError, type GradloomErrorCode } from '../../core/errors.ts';
import { formatValue, listOf, suggest } from '../../core/options.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../../core/shape.ts';
import type { NativeParameterInfo, NativeTensor } from '../../native/index.ts';

/**
 * One weight tensor: `[out, in]` for dense, `[out, in / groups, rows, columns]` for conv2d, `[out]` for a
 * bias.
 */
export interface Weight {
  readonly data: Float32Array;
  readonly shape: Shape;
}

/** By name: `dense_1.weight`, `dense_1.bias`. */
export type Weights = Readonly<Record<string, Weight>>;

/** Names the tensors that the native side gives in order. */
export function nameWeights(
  parameters: readonly NativeParameterInfo[],
  values: readonly Float32Array[],
): Weights {
  const named = parameters.map(({ name, shape }, index) => [name, { data: values[index], shape }]);
  return Object.fromEntries(named) as Weights;
}

/** Tensors that have their names. */
export function toWeights(tensors: readonly NativeTensor[]): Weights {
  return Object.fromEntries(tensors.map(({ name, data, shape }) => [name, { data, shape }]));
}

/** Checks that `given` holds all parameters and nothing else, each in its shape, and puts them in order. */
export function orderWeights(
  operation: string,
  parameters: readonly NativeParameterInfo[],
  given: Weights,
): Float32Array[] {
  if (typeof given !== 'object' || given === null) {
    throw weightsError(
      operation,
      'INVALID_OPTION',
      `weights must be an object such as getWeights() gives, got ${formatValue(given)}`,
    );
  }
  const names = parameters.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) {
      throw weightsError(
        operation,
        'INVALID_DATA',
        `there is no weight ${formatValue(name)}; ${suggest(name, names)}`,
      );
    }
  }
  const missing = names.filter((name) => !Object.hasOwn(given, name));
  if (missing.length > 0) {
    throw weightsError(
      operation,
      'INVALID_DATA',
      `${listOf(missing)} missing; give all weights of the model`,
    );
  }
  return parameters.map((parameter) => readWeight(operation, parameter, given[parameter.name]));
}

function readWeight(
  operation: string,
  { name, shape }: NativeParameterInfo,
  given: Partial<Weight> | null | undefined,
): Float32Array {
  const data = given?.data;
  if (!types.isFloat32Array(data) || !Array.isArray(given?.shape)) {
    throw weightsError(
      operation,
      'INVALID_DATA',
      `${name} must be { data: Float32Array, shape: ${formatShape(shape)} }, got ${formatValue(given)}`,
    );
  }
  if (!sameShape(given.shape, shape)) {
    throw weightsError(
      operation,
      'SHAPE_MISMATCH',
      `${name} has shape ${formatValue(given.shape)}, expected ${formatShape(shape)}`,
    );
  }
  if (data.length !== sizeOf(shape)) {
    throw weightsError(
      operation,
      'SHAPE_MISMATCH',
      `${name} has ${data.length} values, its shape ${formatShape(shape)} needs ${sizeOf(shape)}`,
    );
  }
  return data;
}

function weightsError(operation: string, code: GradloomErrorCode, text: string): GradloomError {
  return new GradloomError(code, `${operation}: ${text}`);
}
