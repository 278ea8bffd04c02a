import { types } from 'node:util';
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import { copyBytes, copyFloats, flattenSamples, type NestedNumbers } from '../datasets/copies.ts';
import { Dataset } from '../datasets/dataset.ts';
import type { Inputs } from '../datasets/dataset-parts.ts';
import { nativeSamples } from '../datasets/native-samples.ts';
import { takeNormSteps } from '../datasets/normalize.ts';
import { isRowObject, type RowValue } from '../datasets/row-values.ts';
import { encodeSampleRows } from '../datasets/sample-rows.ts';
import type { Table } from '../datasets/table.ts';
import type { NativeSamples } from '../native.ts';
import type { ModelState } from './model-state.ts';
import { checkDataset } from './objective.ts';
import { IDENTITY, toNativePreprocessing } from './preprocessing.ts';
import type { TrainingRecord } from './training-record.ts';

/**
 * Raw samples in the units of the training data, before their preprocessing: one after another in a typed
 * array, or one array a sample, flat or nested as the model's input shape says. For a model that was trained on a
 * table: one row a sample, an object by column or an array in the order of the columns; a typed array holds
 * samples that are encoded already.
 */
export type RawSamples = Float32Array | Uint8Array | readonly NestedNumbers[] | readonly SampleRow[];

/** `{ age: 31, city: 'Oslo' }` or `[31, 'Oslo']`. An object's other keys are left aside. */
export type SampleRow = object | readonly RowValue[];

/** The samples of a dataset, which brings its own preprocessing, or raw ones in the model's. */
export function readSamplesFor(
  operation: string,
  { network, training }: ModelState,
  inputs: unknown,
): NativeSamples {
  const { inputShape } = network;
  return inputs instanceof Dataset
    ? nativeSamples(checkDataset(operation, 'the dataset', inputs, inputShape))
    : readSamples(operation, inputs, inputShape, training);
}

/** Copies a user's samples, so that what happens to them while a model predicts does not matter. */
function readSamples(
  operation: string,
  given: unknown,
  inputShape: Shape,
  training: TrainingRecord | undefined,
): NativeSamples {
  const preprocessing = toNativePreprocessing(training?.preprocessing ?? IDENTITY);
  const raw = copySamples(operation, given, inputShape, training?.table);
  const count = raw.length / sizeOf(inputShape);
  if (Number.isInteger(count)) {
    const inputs = takeNormSteps(raw, inputShape, training?.preprocessing.before ?? []);
    return { inputs, count, ...preprocessing };
  }
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `${operation}: inputs has ${raw.length} values, which is no multiple of the ${sizeOf(inputShape)} of one sample ${formatShape(inputShape)}`,
  );
}

function copySamples(operation: string, given: unknown, inputShape: Shape, table: Table | undefined): Inputs {
  if (types.isUint8Array(given)) return copyBytes(operation, 'inputs', given);
  if (types.isFloat32Array(given)) return copyFloats(operation, 'inputs', given, sizeOf(inputShape));
  if (!Array.isArray(given) || given.length === 0) {
    const hint = isRowObject(given) ? '; give a row in an array: [row]' : '';
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: inputs must be a Dataset, a Float32Array, a Uint8Array or an array of samples, got ${formatValue(given)}${hint}`,
    );
  }
  if (table !== undefined) return encodeSampleRows(operation, table, given);
  if (isRowObject(given[0])) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: inputs[0] is an object, but the model was not trained on a table (csv, fromRows, ...) and knows no columns; give arrays of numbers`,
    );
  }
  return flattenSamples(operation, 'inputs', given, inputShape);
}
