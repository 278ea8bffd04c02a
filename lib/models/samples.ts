import { types } from 'node:util';
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import { copyBytes, copyFloats, flattenSamples, type NestedNumbers } from '../datasets/copies.ts';
import { Dataset } from '../datasets/dataset.ts';
import type { Inputs } from '../datasets/dataset-parts.ts';
import { nativeSamples } from '../datasets/native-samples.ts';
import { takeNormSteps } from '../datasets/normalize.ts';
import { copyIds, isIntegers, readSparseSamples, type SparseSample } from '../datasets/read-sparse.ts';
import { isRowObject, type RowValue } from '../datasets/row-values.ts';
import { encodeSampleRows } from '../datasets/sample-rows.ts';
import type { Table } from '../datasets/table.ts';
import type { NativeSamples } from '../native.ts';
import { checkTexts, type Vectorizer } from '../text/vectorizer.ts';
import type { ModelState } from './model-state.ts';
import { checkDataset } from './objective.ts';
import { IDENTITY, toNativePreprocessing } from './preprocessing.ts';
import type { TrainingRecord } from './training-record.ts';

/**
 * Raw samples in the units of the training data, before their preprocessing: one after another in a typed
 * array, or one array a sample, flat or nested as the model's input shape says. For a model that was trained on a
 * table: one row a sample, an object by column or an array in the order of the columns; a typed array holds
 * samples that are encoded already. For a model that reads ids: an Int32Array, or one list a sample; for one that reads sparse
 * samples: of each the features that are there; for one that was trained on texts (`fromTexts`): texts.
 */
export type RawSamples =
  | Float32Array
  | Uint8Array
  | Int32Array
  | Uint32Array
  | readonly NestedNumbers[]
  | readonly SparseSample[]
  | readonly string[]
  | readonly SampleRow[];

/** `{ age: 31, city: 'Oslo' }` or `[31, 'Oslo']`. An object's other keys are left aside. */
export type SampleRow = object | readonly RowValue[];

/** The samples of a dataset, which brings its own preprocessing, or raw ones in the model's. */
export function readSamplesFor(
  operation: string,
  { native: inner, network, training }: ModelState,
  inputs: unknown,
): NativeSamples {
  const { inputShape } = network;
  if (inputs instanceof Dataset) {
    return nativeSamples(checkDataset(operation, 'the dataset', inputs, inputShape));
  }
  if (Array.isArray(inputs) && typeof inputs[0] === 'string') {
    return readTexts(operation, inputs, inputShape, training?.vectorizer);
  }
  const [form = 'floats'] = inner.inputForms;
  return form === 'floats'
    ? readSamples(operation, inputs, inputShape, training)
    : readNamedRows(operation, inputs, form, inputShape);
}

function readTexts(
  operation: string,
  texts: readonly unknown[],
  inputShape: Shape,
  vectorizer: Vectorizer | undefined,
): NativeSamples {
  if (vectorizer === undefined || !sameShape(inputShape, vectorizer.inputShape)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: inputs[0] is a string, but the model was not trained on texts (fromTexts) and has no vectorizer; give its samples`,
    );
  }
  const { inputShape: _, ...inputs } = vectorizer.transform(checkTexts(operation, texts));
  return { inputs, count: texts.length, ...toNativePreprocessing(IDENTITY) };
}

/** Samples for a model that reads ids or sparse samples. */
function readNamedRows(
  operation: string,
  given: unknown,
  form: 'ids' | 'sparse',
  inputShape: Shape,
): NativeSamples {
  const preprocessing = toNativePreprocessing(IDENTITY);
  const size = sizeOf(inputShape);
  if (form === 'sparse') {
    if (Array.isArray(given) && given.length > 0) {
      const inputs = readSparseSamples(operation, 'inputs', given, size);
      return { inputs, count: given.length, ...preprocessing };
    }
  } else if (isIntegers(given) || (Array.isArray(given) && given.length > 0)) {
    const ids = isIntegers(given) ? given : flattenSamples(operation, 'inputs', given, inputShape);
    if (ids.length % size !== 0) throw wrongLength(operation, ids.length, inputShape);
    return { inputs: copyIds(operation, 'inputs', ids, size), count: ids.length / size, ...preprocessing };
  }
  const expected =
    form === 'sparse'
      ? 'a Dataset or an array of sparse samples, such as [[3, 17], { indices: [5], values: [0.5] }]'
      : 'a Dataset, an Int32Array of ids or an array of samples';
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: inputs must be ${expected}, got ${formatValue(given)}`,
  );
}

function wrongLength(operation: string, length: number, inputShape: Shape): GradloomError {
  return new GradloomError(
    'SHAPE_MISMATCH',
    `${operation}: inputs has ${length} values, which is no multiple of the ${sizeOf(inputShape)} of one sample ${formatShape(inputShape)}`,
  );
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
  throw wrongLength(operation, raw.length, inputShape);
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
