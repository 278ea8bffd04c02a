import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import {
  guardedBy,
  oneOf,
  optional,
  readOptions,
  required,
  sampleShape,
  withDefault,
} from '../../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import type { NativeMappedRows } from '../../native/index.ts';
import { Dataset, type LabelKind } from '../dataset.ts';
import type { Tuple } from '../operations/map.ts';
import { isMapped } from '../parts/mapped-inputs.ts';
import { factors, lastExtent, makePreprocessing } from '../parts/preprocessing.ts';
import { countRows, type DenseInputs, type Inputs } from '../parts/stored-inputs.ts';
import { borrowInputs } from '../values/borrowed.ts';
import { copyBytes, copyFloats, flattenSamples, type NestedNumbers } from '../values/copies.ts';
import { classNames, type LabelData, readLabels } from '../values/labels.ts';
import { copyIds, isIntegers } from '../values/read-sparse.ts';

/** The kind that labels have when `labelKind` is left out. */
export type KindOf<Data extends LabelData | undefined> = Data extends undefined
  ? 'none'
  : Data extends Float32Array | readonly ArrayLike<number>[]
    ? 'values'
    : 'class';

/** Rows of a view are uint32. */
const MAX_SAMPLES = 2 ** 31 - 1;

export interface ArraySource<
  Input extends Shape,
  Data extends LabelData | undefined = LabelData | undefined,
  Label extends LabelKind = LabelKind,
> {
  /**
   * All samples, one after another, channels last: float32, uint8 (which stays uint8), or ids for an `embedding` as
   * int32 or uint32. Or one array a sample, flat or nested as `inputShape` says.
   */
  readonly inputs: Float32Array | Uint8Array | Int32Array | Uint32Array | readonly NestedNumbers[];
  /** Shape of one sample without the batch: `[4]`, `[28, 28, 1]`. */
  readonly inputShape: Input;
  /**
   * Integers are classes, one a sample; Float32Array and one array a sample are target values. Default: no labels.
   */
  readonly labels?: Data;
  /** Reads labels as the other kind, for instance a Uint8Array of targets as `'values'`. */
  readonly labelKind?: Label;
  /** Shape of one sample's target values. Default: `[values / samples]`. */
  readonly labelShape?: Shape;
  /** Names of the classes from 0. Default: none, and as many classes as the highest label says. */
  readonly classNames?: readonly string[];
  /**
   * What each sample counts in a loss, finite and at least 0. A batch's loss is the sum of its samples' losses,
   * each times its weight, over their number, as in Keras (not over the sum of their weights); metrics do not
   * heed weights. Views keep the weights of their samples. Default: 1 for all.
   */
  readonly sampleWeights?: Float32Array;
  /** A model sees `x * scale + shift`: one number, or one for each index of the last axis. Default: 1. */
  readonly scale?: number | readonly number[];
  /** Default: 0. */
  readonly shift?: number | readonly number[];
  /**
   * `'borrow'`: no copy of `inputs`, a Float32Array, Uint8Array or Int32Array over a buffer of fixed length that is not
   * shared. Leave its values as they are while the dataset is used: they are looked at here and not again, but for ids,
   * which are `ID_OUT_OF_RANGE` where a table has no such row. Once it is transferred away, whatever uses the dataset next
   * throws `INVALID_DATA`; a run under way goes on. Labels are always copied. Default: `'copy'`.
   */
  readonly memory?: 'copy' | 'borrow' | undefined;
}

type GivenInputs =
  | Float32Array
  | Uint8Array
  | Int32Array
  | Uint32Array
  | readonly unknown[]
  | NativeMappedRows;

const OPTIONS = {
  inputs: required(
    guardedBy(
      'a Float32Array, a Uint8Array, an Int32Array of ids or an array of samples',
      (given): given is GivenInputs =>
        (typeof given === 'object' && given !== null && isMapped(given)) ||
        types.isFloat32Array(given) ||
        types.isUint8Array(given) ||
        isIntegers(given) ||
        Array.isArray(given),
    ),
  ),
  inputShape: required(sampleShape),
  labels: optional(
    guardedBy(
      'a Uint8Array, an Int32Array, a Float32Array or an array',
      (given): given is LabelData =>
        types.isUint8Array(given) ||
        types.isInt32Array(given) ||
        types.isFloat32Array(given) ||
        Array.isArray(given),
    ),
  ),
  labelKind: optional(oneOf('class', 'values', 'none')),
  labelShape: optional(sampleShape),
  classNames: optional(classNames),
  sampleWeights: optional(guardedBy('a Float32Array', types.isFloat32Array)),
  scale: withDefault(factors, [1]),
  shift: withDefault(factors, [0]),
  memory: withDefault(oneOf('copy', 'borrow'), 'copy'),
};

/**
 * A dataset over a copy of arrays, so that what happens to them later does not matter.
 *
 * @example
 * const points = fromArrays({ inputs: [[0, 0], [0, 1], [1, 0], [1, 1]], inputShape: [2], labels: [0, 1, 1, 0] });
 *
 * Throws `SHAPE_MISMATCH` for counts that do not fit, `INVALID_DATA` for numbers that are not finite, classes that are not
 * integers and arrays that are empty or were transferred away, `LABEL_OUT_OF_RANGE` for a class below 0 or beyond
 * `classNames`, `INVALID_OPTION` for anything else; the text names the place.
 */
export function fromArrays<
  const Input extends Shape,
  Data extends LabelData | undefined = undefined,
  Label extends LabelKind = KindOf<Data>,
>(source: ArraySource<Input, Data, Label>): Dataset<Tuple<Input>, Label> {
  return buildDataset('fromArrays', source) as Dataset<Tuple<Input>, Label>;
}

/** Options may be undefined as well as absent. */
type Unset<Options> = { readonly [Key in keyof Options]: Options[Key] | undefined };

/** Of our own files also mapped inputs, of rows of this shape. */
type AnySource = Omit<ArraySource<Shape>, 'inputs'> & {
  readonly inputs: ArraySource<Shape>['inputs'] | NativeMappedRows;
};

/** `fromArrays` under the name of the operation that the user called. */
export function buildDataset(operation: string, source: Unset<AnySource>): Dataset {
  const options = readOptions(operation, source, OPTIONS);
  const { inputShape } = options;
  const inputs =
    options.memory === 'copy'
      ? copyInputs(operation, options.inputs, inputShape)
      : borrowWhole(operation, options.inputs, inputShape);
  return datasetOf(operation, inputs, options);
}

type ReadOptions = Omit<ReturnType<typeof readOptions<typeof OPTIONS>>, 'inputs' | 'memory' | 'labelKind'> & {
  readonly labelKind: LabelKind | undefined;
};

/** Of inputs that are checked, and nobody else's. */
export function datasetOf(operation: string, inputs: DenseInputs, options: ReadOptions): Dataset {
  const { inputShape } = options;
  const count = countRows({ inputs, inputShape });
  return new Dataset({
    inputShape,
    inputs,
    ...readLabels(operation, options, count),
    sampleWeights: copyWeights(operation, options.sampleWeights, count),
    preprocessing: makePreprocessing(operation, lastExtent(inputShape), options),
    rows: undefined,
    table: undefined,
  });
}

/** Weights of samples, checked. */
export function copyWeights(
  operation: string,
  given: Float32Array | undefined,
  count: number,
): Float32Array<ArrayBuffer> | undefined {
  if (given === undefined) return undefined;
  if (given.length !== count) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: sampleWeights has ${given.length} values; expected one for each of ${count} samples`,
    );
  }
  const weights = copyFloats(operation, 'sampleWeights', given, 1);
  const index = weights.findIndex((weight) => weight < 0);
  if (index < 0) return weights;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: sampleWeights[${index}] is ${weights[index]}; weights are at least 0`,
  );
}

function copyInputs(operation: string, given: GivenInputs, inputShape: Shape): DenseInputs {
  if (isMapped(given)) {
    if (given.rows <= MAX_SAMPLES) return given;
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: the files have ${given.rows} samples; a dataset has at most ${MAX_SAMPLES}`,
    );
  }
  if (Array.isArray(given)) return flattenSamples(operation, 'inputs', given, inputShape);
  const size = sizeOf(inputShape);
  checkWhole(operation, given, inputShape);
  if (isIntegers(given)) return copyIds(operation, 'inputs', given, size);
  return types.isUint8Array(given)
    ? copyBytes(operation, 'inputs', given)
    : copyFloats(operation, 'inputs', given as Float32Array, size);
}

function borrowWhole(operation: string, given: GivenInputs, inputShape: Shape): Inputs {
  const inputs = borrowInputs(operation, given, sizeOf(inputShape));
  checkWhole(operation, inputs, inputShape);
  return inputs;
}

function checkWhole(operation: string, { length }: { readonly length: number }, inputShape: Shape): void {
  const size = sizeOf(inputShape);
  if (length % size === 0 && length / size <= MAX_SAMPLES) return;
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `${operation}: inputs has ${length} values; expected a multiple of ${size} for inputShape ` +
      `${formatShape(inputShape)}, of at most ${MAX_SAMPLES} samples`,
  );
}
