import { type Field, guardedBy, oneOf, optional, type Rule } from '../../core/options.ts';
import { Dataset, type LabelKind } from '../dataset.ts';
import { type CategoryEncoding, isTable, type MissingPolicy, type Table } from '../parts/table.ts';

/** One value for all columns, or one for some of them by name. */
export type ByColumn<Value extends string> = Value | Readonly<Record<string, Value>>;

export interface TableOptions<
  Target extends string | readonly string[] | undefined = string | readonly string[] | undefined,
  Label extends LabelKind = LabelKind,
> {
  /** The column to predict, or the columns (which are values). Default: no labels. */
  readonly target?: Target;
  /**
   * `'class'`: each different entry of the target is a class, in the order of numbers or else of characters.
   * `'values'`: the targets are numbers. Default: `'class'` for one target, `'values'` for a list.
   */
  readonly labelKind?: Label;
  /** The input columns, in this order. Default: all but the target, without those that hold no value at all. */
  readonly columns?: readonly string[];
  /** Columns whose type is not to be found but given. Default: numbers where every value is one, else categories. */
  readonly types?: Readonly<Record<string, 'number' | 'category'>>;
  /** What a category becomes: one value each, or its index. Default: `'oneHot'`. */
  readonly categories?: ByColumn<CategoryEncoding>;
  /**
   * What stands for a missing value: `'error'` refuses the file; `'zero'` is 0, and no category at all in one-hot;
   * `'mean'` is the column's mean in the training data (numbers only); `'category'` is a category of its own
   * (categories only). Columns that are not named are `'error'`. Default: `'error'`.
   */
  readonly missing?: ByColumn<MissingPolicy>;
  /**
   * What a category that these rows have not will be in others, read with `like` or given to the trained model: an
   * error, or a missing value. Default: `'error'`.
   */
  readonly unknown?: 'error' | 'missing';
  /**
   * Makes sparse samples for `sparseDense`, `embeddingBag` and `linearClassifier`: a value of a column is the feature at the hash of
   * `column=value`, whatever values there are, so nothing is fitted, the rows are read once and any other file can be read alike. All columns
   * are categories but those that `types` says are numbers, whose value stands at the hash of their name; a missing value gives no
   * feature. The numbers are those of scikit-learn's `FeatureHasher`. The dataset has no `table`. Default: not.
   */
  readonly hash?: HashOptions;
}

/** How columns become the features of sparse samples. */
export interface HashOptions {
  /** How many features columns are hashed to. Default: 262144. */
  readonly features?: number;
  /** Half of the features count negatively, so that those that share a number cancel out on average. Default: true. */
  readonly signed?: boolean;
  /** Columns whose values are features together, too: `[['city', 'device']]`. Default: none. */
  readonly crosses?: readonly (readonly string[])[];
  /** Names of the classes from 0: for a test file `train.classNames`. Default: those of the target, in the order of numbers or characters. */
  readonly classNames?: readonly string[];
}

export interface LikeOptions<Label extends LabelKind = LabelKind> {
  /**
   * A dataset of the training data, whose columns, types, categories and fills are used; or the table of a model that
   * was trained on one, `model.table`.
   */
  readonly like: Dataset<readonly number[], Label> | Table;
  /** Default: that of `like`. */
  readonly unknown?: 'error' | 'missing';
}

const TYPES = oneOf('number', 'category');
const ENCODINGS = oneOf('oneHot', 'index');
const POLICIES = oneOf('error', 'zero', 'mean', 'category');

function isRecord(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

/** The options are checked where they are read. */
function isHashOptions(given: unknown): given is HashOptions {
  return isRecord(given);
}

function recordOf<Value>(rule: Rule<Value>): Rule<Readonly<Record<string, Value>>> {
  return {
    expected: `an object of columns, each ${rule.expected}`,
    read: (given) =>
      isRecord(given) && Object.values(given).every((value) => rule.read(value) !== undefined)
        ? (given as Readonly<Record<string, Value>>)
        : undefined,
  };
}

function byColumn<Value extends string>(rule: Rule<Value>): Rule<ByColumn<Value>> {
  const record = recordOf(rule);
  return {
    expected: `${rule.expected}, or ${record.expected}`,
    read: (given) => rule.read(given) ?? record.read(given),
  };
}

const isNames = (given: unknown): given is readonly string[] =>
  Array.isArray(given) &&
  given.length > 0 &&
  [...given].every((name) => typeof name === 'string') &&
  new Set(given).size === given.length;

export const columnNames = guardedBy('an array of different names of columns', isNames);

/** Texts that stand for a missing value. */
export const marks = guardedBy(
  'an array of strings',
  (given): given is readonly string[] =>
    Array.isArray(given) && [...given].every((mark) => typeof mark === 'string'),
);

const target = guardedBy(
  'the name of a column or an array of different names',
  (given): given is string | readonly string[] => typeof given === 'string' || isNames(given),
);

/** The value for one column; `fallback` for those that a record does not name. */
export function valueFor<Value extends string>(given: ByColumn<Value>, name: string, fallback: Value): Value {
  if (typeof given === 'string') return given;
  return Object.hasOwn(given, name) ? (given[name] as Value) : fallback;
}

export const TABLE_OPTIONS = {
  target: optional(target),
  labelKind: optional(oneOf('class', 'values', 'none')),
  columns: optional(columnNames),
  types: optional(recordOf(TYPES)),
  categories: optional(byColumn(ENCODINGS)),
  missing: optional(byColumn(POLICIES)),
  unknown: optional(oneOf('error', 'missing')),
  hash: optional(guardedBy('an object with features, crosses, ...', isHashOptions)),
  like: optional(
    guardedBy(
      'a dataset that was read from a table, or the table of a model',
      (given): given is Dataset | Table =>
        given instanceof Dataset ? given.table !== undefined : isTable(given),
    ),
  ),
};

type ValueOf<Given> = Given extends Field<infer Value> ? Value : never;
export type ReadTableOptions = {
  readonly [Key in keyof typeof TABLE_OPTIONS]: ValueOf<(typeof TABLE_OPTIONS)[Key]>;
};
