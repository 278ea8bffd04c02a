import { types } from 'node:util';
import { GradloomError } from '../core/errors.ts';
import { formatValue, listOf, suggest } from '../core/options.ts';
import {
  formatShape,
  type InputShape,
  type NamedShapes,
  type Shape,
  sameShape,
  sizeOf,
} from '../core/shape.ts';
import { Dataset } from '../datasets/dataset.ts';
import { isRowObject, type RowValue } from '../datasets/encoding/row-values.ts';
import { encodeSampleRows } from '../datasets/encoding/sample-rows.ts';
import { nativeSamples, toNativePreprocessing } from '../datasets/native-samples.ts';
import { takeNormSteps } from '../datasets/operations/normalize.ts';
import { IDENTITY } from '../datasets/parts/preprocessing.ts';
import type { Inputs } from '../datasets/parts/stored-inputs.ts';
import { joinTables } from '../datasets/transforms/from-table.ts';
import {
  checkFinite,
  checkPresent,
  copyBytes,
  copyFloats,
  flattenSamples,
  isList,
  type NestedNumbers,
} from '../datasets/values/copies.ts';
import { copyIds, isIntegers, readSparseSamples, type SparseSample } from '../datasets/values/read-sparse.ts';
import type { NativeColumn, NativeModel, NativeSamples } from '../native/index.ts';
import { vectorize } from '../text/vectorizer.ts';
import type { ModelState } from './model-state.ts';
import { inputNamesOf, inputShapeOf } from './network/network.ts';
import { checkDataset } from './objective.ts';
import type { InputReading } from './training-record.ts';

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

/**
 * Raw samples of a model's only input, or of each of its inputs by name, as many of each; rows by column where the inputs
 * are a table's columns.
 */
export type RawInputs<Input extends InputShape> = Input extends NamedShapes
  ? { readonly [Name in keyof Input]: RawSamples } | readonly object[]
  : RawSamples;

type InputForm = NativeModel['inputForms'][number];

/** What raw samples of an input are read by. */
interface InputToRead {
  /** In errors. */
  readonly name: string;
  readonly inputShape: Shape;
  readonly form: InputForm;
  readonly reading: InputReading | undefined;
  readonly memory: 'copy' | 'borrow';
}

/** Of one input. */
type OneInput = NativeColumn & { readonly count: number };

/**
 * The samples of a dataset, which brings its own preprocessing, or raw ones in the model's. `'borrow'` is for a call that ends
 * before any other JavaScript runs: nothing can happen to the samples meanwhile, so that those of one typed array need no copy.
 */
export function readSamplesFor(
  operation: string,
  { inputForms, network, training }: ModelState,
  inputs: unknown,
  memory: 'copy' | 'borrow' = 'copy',
): NativeSamples {
  if (inputs instanceof Dataset) {
    const dataset = checkDataset(operation, 'the dataset', inputs, inputShapeOf(network));
    return nativeSamples(dataset, inputNamesOf(network));
  }
  if (network.nodes === undefined) {
    const [form = 'floats'] = inputForms;
    return readOne(
      operation,
      { name: 'inputs', inputShape: network.inputShape, form, reading: training, memory },
      inputs,
    );
  }
  const names = inputNamesOf(network);
  const byName = areRowsOf(training, inputs)
    ? Object.fromEntries(names.map((name) => [name, inputs]))
    : inputs;
  checkInputNames(operation, names, byName);
  const read = network.inputs.map(({ name, shape }, place) => {
    const form = inputForms[place] as InputForm;
    const reading = training?.inputs?.[name];
    return readOne(
      operation,
      { name: `inputs.${name}`, inputShape: shape, form, reading, memory },
      byName[name],
    );
  });
  const [{ count }] = read as [OneInput];
  const other = read.findIndex((each) => each.count !== count);
  if (other < 0) return { columns: read, count };
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `${operation}: inputs.${network.inputs[other]?.name} has ${read[other]?.count} samples, inputs.${network.inputs[0]?.name} has ${count}`,
  );
}

/** Whether each input takes its own columns of these. */
function areRowsOf(training: ModelState['training'], inputs: unknown): inputs is readonly object[] {
  return Array.isArray(inputs) && isRowObject(inputs[0]) && joinTables(training?.inputs) !== undefined;
}

function checkInputNames(
  operation: string,
  names: readonly string[],
  given: unknown,
): asserts given is Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || types.isTypedArray(given)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: inputs must be a Dataset or an object with samples of ${listOf(names)}, got ${formatValue(given)}`,
    );
  }
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: the model has no input ${formatValue(unknown)}; ${suggest(unknown, names)}`,
    );
  }
  const missing = names.find((name) => !Object.hasOwn(given, name));
  if (missing === undefined) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: inputs.${missing} is missing; the model's inputs are ${listOf(names)}`,
  );
}

function readOne(operation: string, to: InputToRead, given: unknown): OneInput {
  if (Array.isArray(given) && typeof given[0] === 'string') return readTexts(operation, given, to);
  return to.form === 'floats' ? readSamples(operation, given, to) : readNamedRows(operation, given, to);
}

function readTexts(
  operation: string,
  texts: readonly unknown[],
  { name, inputShape, reading }: InputToRead,
): OneInput {
  const vectorizer = reading?.vectorizer;
  if (vectorizer === undefined || !sameShape(inputShape, vectorizer.inputShape)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: ${name}[0] is a string, but the model was not trained on texts (fromTexts) and has no vectorizer; give its samples`,
    );
  }
  const { inputShape: _, ...inputs } = vectorize(operation, vectorizer, texts);
  return { inputs, count: texts.length, ...toNativePreprocessing(IDENTITY) };
}

/** Samples for a model that reads ids or sparse samples. */
function readNamedRows(
  operation: string,
  given: unknown,
  { name, inputShape, form, reading }: InputToRead,
): OneInput {
  const table = reading?.table;
  const preprocessing = toNativePreprocessing(IDENTITY);
  const size = sizeOf(inputShape);
  if (form === 'sparse') {
    const holdsSamples = reading?.vectorizer === undefined || holdsSparseSample(given);
    if (Array.isArray(given) && given.length > 0 && holdsSamples) {
      const inputs = readSparseSamples(operation, name, given, size);
      return { inputs, count: given.length, ...preprocessing };
    }
  } else if (table !== undefined && Array.isArray(given) && isRowObject(given[0])) {
    const ids = Int32Array.from(encodeSampleRows(operation, table, given));
    return { inputs: ids, count: given.length, ...preprocessing };
  } else if (isIntegers(given) || (Array.isArray(given) && given.length > 0)) {
    const ids = isIntegers(given) ? given : flattenSamples(operation, name, given, inputShape);
    if (ids.length % size !== 0) throw wrongLength(operation, name, ids.length, inputShape);
    return { inputs: copyIds(operation, name, ids, size), count: ids.length / size, ...preprocessing };
  }
  const expected =
    reading?.vectorizer !== undefined
      ? 'an array of texts, such as ["a text"]'
      : form === 'sparse'
        ? 'an array of sparse samples, such as [[3, 17], { indices: [5], values: [0.5] }]'
        : 'an Int32Array of ids or an array of samples';
  throw notSamples(operation, name, expected, given);
}

/** Of a list of samples its first one tells. */
function holdsSparseSample(given: unknown): boolean {
  const first: unknown = Array.isArray(given) ? given[0] : undefined;
  return isList(first) || (typeof first === 'object' && first !== null && 'indices' in first);
}

/** A model's only input takes a dataset, too; several take one of all of them. */
function notSamples(operation: string, name: string, expected: string, given: unknown): GradloomError {
  const whole = name === 'inputs' ? ', or a Dataset' : '';
  const hint =
    given instanceof Dataset
      ? '; give datasets of all inputs in one, by fromInputs'
      : isRowObject(given)
        ? '; give a row in an array: [row]'
        : '';
  return new GradloomError(
    'INVALID_OPTION',
    `${operation}: ${name} must be ${expected}${whole}, got ${formatGiven(given)}${hint}`,
  );
}

/** Elements of a list of another kind say more than its length. */
function formatGiven(given: unknown): string {
  return Array.isArray(given) && given.length > 0
    ? `an array that begins with ${formatValue(given[0])}`
    : formatValue(given);
}

function wrongLength(operation: string, name: string, length: number, inputShape: Shape): GradloomError {
  return new GradloomError(
    'SHAPE_MISMATCH',
    `${operation}: ${name} has ${length} values, which is no multiple of the ${sizeOf(inputShape)} of one sample ${formatShape(inputShape)}`,
  );
}

/** Takes a user's samples so that what happens to them while a model predicts does not matter. */
function readSamples(operation: string, given: unknown, to: InputToRead): OneInput {
  const { name, inputShape, reading } = to;
  const preprocessing = toNativePreprocessing(reading?.preprocessing ?? IDENTITY);
  const raw = takeSamples(operation, given, to);
  const count = raw.length / sizeOf(inputShape);
  if (Number.isInteger(count)) {
    const inputs = takeNormSteps(raw, inputShape, reading?.preprocessing.before ?? []);
    return { inputs, count, ...preprocessing };
  }
  throw wrongLength(operation, name, raw.length, inputShape);
}

function takeSamples(
  operation: string,
  given: unknown,
  { name, inputShape, reading, memory }: InputToRead,
): Inputs {
  const table = reading?.table;
  if (types.isUint8Array(given)) return copyBytes(operation, name, given);
  if (types.isFloat32Array(given)) {
    const size = sizeOf(inputShape);
    // Other threads may write to shared memory.
    if (memory === 'copy' || types.isSharedArrayBuffer(given.buffer)) {
      return copyFloats(operation, name, given, size);
    }
    checkPresent(operation, name, given);
    checkFinite(operation, name, given, size);
    return given as Inputs;
  }
  if (!Array.isArray(given) || given.length === 0) {
    throw notSamples(operation, name, 'a Float32Array, a Uint8Array or an array of samples', given);
  }
  if (table !== undefined) return encodeSampleRows(operation, table, given);
  if (isRowObject(given[0])) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: ${name}[0] is an object, but the model was not trained on a table (csv, fromRows, ...) and knows no columns; give arrays of numbers`,
    );
  }
  return flattenSamples(operation, name, given, inputShape);
}
