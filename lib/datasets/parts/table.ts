/** What tables (CSV, JSON, rows) are read into: columns with the types, categories and fills found in the training data. */

/** What stands for a missing value. */
export type MissingPolicy = 'error' | 'zero' | 'mean' | 'category';
export type CategoryEncoding = 'oneHot' | 'index';

export interface NumberColumn {
  readonly name: string;
  readonly kind: 'number';
  readonly missing: 'error' | 'zero' | 'mean';
  /** Of the values that are there. */
  readonly mean: number;
}

export interface CategoryColumn {
  readonly name: string;
  readonly kind: 'category';
  readonly missing: 'error' | 'zero' | 'category';
  readonly encoding: CategoryEncoding;
  /** In order: numbers by value, else by character. `MISSING_CATEGORY` is last where `missing` is `'category'`. */
  readonly categories: readonly string[];
}

export type Column = NumberColumn | CategoryColumn;

/**
 * How rows become samples: fitted on the training data, it reads others alike. Belongs to the dataset (`dataset.table`)
 * and its views, and from `fit` on to the model (`model.table`), which is saved with it.
 */
export interface Table {
  readonly inputs: readonly Column[];
  readonly targets: readonly Column[];
  /** One for each value of a sample: `age`, `color=red`. */
  readonly featureNames: readonly string[];
  /** What a category that the training data have not is: an error, or a missing value. */
  readonly unknown: 'error' | 'missing';
  /** What was found, a line for each column of the training data; empty in a loaded model. */
  readonly report: readonly string[];
}

export const MISSING_CATEGORY = '(missing)';

/** The number of values that a column takes in a sample. */
export function widthOf(column: Column): number {
  return column.kind === 'category' && column.encoding === 'oneHot' ? column.categories.length : 1;
}

export function featureNamesOf(column: Column): readonly string[] {
  return column.kind === 'category' && column.encoding === 'oneHot'
    ? column.categories.map((category) => `${column.name}=${category}`)
    : [column.name];
}

export function makeTable(
  inputs: readonly Column[],
  targets: readonly Column[],
  { unknown, report }: Pick<Table, 'unknown' | 'report'>,
): Table {
  const table = Object.freeze({
    inputs: Object.freeze([...inputs]),
    targets: Object.freeze([...targets]),
    featureNames: Object.freeze(inputs.flatMap(featureNamesOf)),
    unknown,
    report: Object.freeze([...report]),
  });
  TABLES.add(table);
  return table;
}

/** Tables come from us alone: one that was put together by hand is not checked. */
const TABLES = new WeakSet<object>();

export function isTable(given: unknown): given is Table {
  return typeof given === 'object' && given !== null && TABLES.has(given);
}
