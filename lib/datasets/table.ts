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

/** What can stand in a table. True and false are numbers as well as categories. */
export type CellValue = string | number | boolean;

/** What cannot, such as an object in JSON: an error once its column is used. Says what it is. */
export interface Refused {
  readonly refused: string;
}

export function isRefused(cell: CellValue | Refused): cell is Refused {
  return typeof cell === 'object';
}

/** A missing value is undefined. */
export type Cell = CellValue | Refused | undefined;

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

/** How cells are read, and what errors call them. */
export interface RowReading {
  readonly operation: string;
  /** What errors call the whole: the path, or the operation. */
  readonly name: string;
  /** `line` or `row`, for errors. */
  readonly unit: string;
  /** Whether a column that the first row lacks is missing in the file, not only in that row. */
  readonly fixedColumns: boolean;
  /** The number that a cell stands for, if it does. */
  readonly numberOf: (cell: CellValue) => number | undefined;
  /** What an error about a cell that is no number may add; empty for nothing. */
  readonly hintAtNumber?: (cell: CellValue) => string;
  /** `samples`: rows for a trained model, whose table cannot be read otherwise any more. */
  readonly role: 'data' | 'samples';
}

export interface RowSource extends RowReading {
  readonly open: () => Pass;
  /** What an error about a column that is not there may add, by the columns that are; empty for nothing. */
  readonly hintAt?: (columns: readonly string[]) => string;
}

/** What errors about the whole of a source call it. */
export function subjectOf({ operation, name }: RowReading): string {
  return name === operation ? 'the data' : name;
}
