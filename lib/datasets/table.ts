/** What tables (CSV, JSON rows) are read into: columns with the types, categories and fills found in a training file. */

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
 * How rows become samples: fitted on one file, it reads others alike. Belongs to the dataset (`dataset.table`) and its
 * views.
 */
export interface Table {
  readonly inputs: readonly Column[];
  readonly targets: readonly Column[];
  /** One for each value of a sample: `age`, `color=red`. */
  readonly featureNames: readonly string[];
  /** What was found, a line for each column of the file. */
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

/** A missing value is undefined. */
export type Cell = string | number | undefined;

export interface Row {
  readonly line: number;
  /** By place in the pass's columns; what lies beyond is missing. */
  readonly cells: readonly Cell[];
}

/** Rows read once from start to end. */
export interface Pass {
  /** Filled by the time of the first row; names that are met later (keys of JSON) are appended. */
  readonly columns: readonly string[];
  readonly rows: AsyncIterable<Row>;
}

export interface RowSource {
  readonly operation: string;
  /** What errors call the whole: the path, or the operation. */
  readonly name: string;
  /** `line` or `row`, for errors. */
  readonly unit: string;
  /** Whether a column that the first row lacks is missing in the file, not only in that row. */
  readonly fixedColumns: boolean;
  /** The number that a cell stands for, if it does. */
  readonly numberOf: (cell: string | number) => number | undefined;
  readonly open: () => Pass;
}
