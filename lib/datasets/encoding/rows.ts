/** Rows of cells, whatever they are read from (CSV, JSON, objects): what a table is fitted to and samples are made of. */

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
