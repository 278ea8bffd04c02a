/** Samples of several inputs, each made by itself. */
import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import {
  anything,
  formatValue,
  guardedBy,
  listOf,
  oneOf,
  optional,
  readOptions,
  required,
  sampleShape,
} from '../../core/options.ts';
import type { NamedShapes, Shape } from '../../core/shape.ts';
import { Dataset, type LabelKind, partsOf } from '../dataset.ts';
import { compact } from '../operations/concat.ts';
import type { Tuple } from '../operations/map.ts';
import type { InputParts } from '../parts/dataset-parts.ts';
import { isList } from '../values/copies.ts';
import { classNames, type LabelData, readLabels } from '../values/labels.ts';
import { readTargets, type TargetData } from '../values/targets.ts';
import { copyWeights, type KindOf } from './from-arrays.ts';

/** Data sets by the names of the inputs that they become. */
export type InputSets = Readonly<Record<string, Dataset<Shape, LabelKind>>>;

export interface InputsSource<
  Inputs extends InputSets = InputSets,
  Data extends LabelData | undefined = LabelData | undefined,
  Label extends LabelKind = LabelKind,
  Targets extends TargetData | undefined = TargetData | undefined,
> {
  /**
   * A dataset for each input, all of the same number of samples: sample `i` is made of sample `i` of each. Ids and values
   * by `fromArrays`, lists of features by `fromSparse`, texts by `fromTexts`, columns of tables by `csv` or `fromRows`, ...
   */
  readonly inputs: Inputs;
  /**
   * Integers are classes, one a sample; Float32Array and one array a sample are target values. Default: the labels, class
   * names and sample weights of the input that has some, if one has.
   */
  readonly labels?: Data;
  /**
   * Labels for each head of a model that has several, by the heads' names and each read as `labels` are: integers are
   * classes; a Float32Array and one array a sample are target values. In place of `labels`. Held as float32.
   */
  readonly targets?: Targets;
  /** Reads labels as the other kind, for instance a Uint8Array of targets as `'values'`. */
  readonly labelKind?: Label;
  /** Shape of one sample's target values. Default: `[values / samples]`. */
  readonly labelShape?: Shape;
  /** Names of the classes from 0. Default: none, and as many classes as the highest label says. */
  readonly classNames?: readonly string[];
  /** What each sample counts in a loss, as for `fromArrays`. Default: 1 for all. */
  readonly sampleWeights?: Float32Array;
}

/** The shapes of inputs by name. */
export type ShapesOf<Inputs extends InputSets> = {
  -readonly [Name in keyof Inputs]: Inputs[Name] extends Dataset<infer Input extends Shape, LabelKind>
    ? Tuple<Input>
    : never;
};

/** The kind of labels that a set takes over from its inputs. */
export type KindOfInputs<Inputs extends InputSets> = [
  Exclude<Inputs[keyof Inputs]['labelKind'], 'none'>,
] extends [never]
  ? 'none'
  : Exclude<Inputs[keyof Inputs]['labelKind'], 'none'>;

const NAME = /^[A-Za-z0-9_-]{1,100}$/;

const OPTIONS = {
  inputs: required(
    guardedBy(
      'an object of data sets by name, such as { user: fromArrays(...), tags: fromSparse(...) }',
      (given): given is Readonly<Record<string, unknown>> =>
        typeof given === 'object' && given !== null && !Array.isArray(given) && Object.keys(given).length > 0,
    ),
  ),
  labels: optional(guardedBy('a Uint8Array, an Int32Array, a Float32Array or an array', isList)),
  targets: optional(anything('an object of labels by the names of heads')),
  labelKind: optional(oneOf('class', 'values', 'none')),
  labelShape: optional(sampleShape),
  classNames: optional(classNames),
  sampleWeights: optional(guardedBy('a Float32Array', types.isFloat32Array)),
};

/**
 * A dataset of samples of several inputs, for models made by `graph`: ids, dense values, sparse features and texts side by
 * side. Each input is a dataset of its own, prepared by itself (`standardize`, `normalize`, ...); its preprocessing, table
 * or vectorizer goes with it into the model.
 *
 * @example
 * const ratings = fromInputs({
 *   inputs: {
 *     user: fromArrays({ inputs: Int32Array.of(3, 0, 3), inputShape: [1] }),
 *     genres: fromSparse({ inputShape: [20], samples: [[1, 4], [], [7]] }),
 *   },
 *   labels: [[5], [3], [4]],
 * });
 *
 * Throws `SHAPE_MISMATCH` for inputs of other numbers of samples, and what `fromArrays` throws for labels.
 */
export function fromInputs<
  const Inputs extends InputSets,
  Data extends LabelData | undefined = undefined,
  Targets extends TargetData | undefined = undefined,
  Label extends LabelKind = Targets extends TargetData
    ? 'targets'
    : Data extends undefined
      ? KindOfInputs<Inputs>
      : KindOf<Data>,
>(source: InputsSource<Inputs, Data, Label, Targets>): Dataset<ShapesOf<Inputs>, NoInfer<Label>> {
  return buildInputs('fromInputs', source) as unknown as Dataset<ShapesOf<Inputs>, NoInfer<Label>>;
}

/** `fromInputs` under the name of the operation that the user called. */
export function buildInputs(operation: string, source: object): Dataset<NamedShapes> {
  const { inputs, sampleWeights, targets, ...given } = readOptions(operation, source, OPTIONS);
  const sets = Object.entries(inputs).map(([name, set]) => [name, readInput(operation, name, set)] as const);
  const [[first, { length }]] = sets as [[string, Dataset]];
  const other = sets.find(([, set]) => set.length !== length);
  if (other !== undefined) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: input "${other[0]}" has ${other[1].length} samples, "${first}" has ${length}; sample i is made of sample i of each`,
    );
  }
  const labels = { ...given, labels: given.labels as LabelData | undefined };
  const isGiven = Object.values(labels).some((value) => value !== undefined);
  if (isGiven && targets !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: targets are in place of labels and of what describes them; leave one of both out`,
    );
  }
  const inherited = isGiven || targets !== undefined ? undefined : labelsOf(operation, sets);
  const columns = sets.map(([name, set]) => [name, inputOf(set)] as const);
  return new Dataset({
    ...(inherited ??
      (targets === undefined
        ? readLabels(operation, labels, length)
        : readTargets(operation, 'targets', targets, length))),
    sampleWeights:
      sampleWeights === undefined ? inherited?.sampleWeights : copyWeights(operation, sampleWeights, length),
    rows: undefined,
    columns: Object.freeze(Object.fromEntries(columns)),
  }) as unknown as Dataset<NamedShapes>;
}

function readInput(operation: string, name: string, given: unknown): Dataset {
  if (!NAME.test(name)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: ${formatValue(name)} is no name of an input; names are 1 to 100 letters, digits, _ and -`,
    );
  }
  if (!(given instanceof Dataset)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: inputs.${name} must be a Dataset, such as fromArrays(...) makes, got ${formatValue(given)}`,
    );
  }
  partsOf(given, `${operation}: inputs.${name}`);
  return given;
}

/** An input's arrays with rows 0, 1, 2, ... */
function inputOf(set: Dataset): InputParts {
  const { inputShape, inputs, preprocessing, table, vectorizer, firstFeature, gaps } = viewOf(set);
  return Object.freeze({ inputShape, inputs, preprocessing, table, vectorizer, firstFeature, gaps });
}

function viewOf(set: Dataset) {
  const parts = partsOf(set);
  return parts.rows === undefined ? parts : compact(parts);
}

/** Those of the only input that has labels. */
function labelsOf(operation: string, sets: readonly (readonly [name: string, set: Dataset])[]) {
  const labelled = sets.filter(([, set]) => set.labelKind !== 'none');
  if (labelled.length > 1) {
    const names = labelled.map(([name]) => formatValue(name));
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: the inputs ${listOf(names)} have labels; say by labels which are meant`,
    );
  }
  const [[, set] = []] = labelled;
  if (set === undefined) return undefined;
  const { labelKind, labelShape, labels, classCount, classNames: names, sampleWeights } = viewOf(set);
  return { labelKind, labelShape, labels, classCount, classNames: names, sampleWeights };
}
