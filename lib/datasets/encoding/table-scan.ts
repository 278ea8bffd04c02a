import { formatValue } from '../../core/options.ts';
import { type Cell, isRefused, type RowSource } from './rows.ts';
import { cellError, numberError, refusedError } from './table-errors.ts';

export type ColumnType = 'number' | 'category';
export type DeclaredTypes = ReadonlyMap<string, ColumnType>;

/** What a pass over a file found in one column. */
export interface FoundColumn {
  readonly name: string;
  kind: ColumnType;
  /** Values that are not missing. */
  count: number;
  missing: number;
  firstMissing: number | undefined;
  mean: number;
  readonly categories: Set<string>;
  /** The first value that is no number, and its line. */
  firstText: { readonly line: number; readonly text: string } | undefined;
}

/** More different values in one column are no categories; so many are held while a file is read. */
const MAX_CATEGORIES = 100_000;

/**
 * Finds the type of each used column, its mean or its categories. Numbers are not held: where a text turns up behind
 * numbers, the rows are read again to collect the categories from the start.
 */
export async function scanTable(
  source: RowSource,
  isUsed: (name: string) => boolean,
  declared: DeclaredTypes,
): Promise<{ found: readonly FoundColumn[]; rowCount: number; firstLine: number }> {
  const types = new Map(declared);
  const texts = new Map<string, FoundColumn['firstText']>();
  for (;;) {
    const scan = await scanOnce(source, isUsed, types);
    for (const column of scan.found) column.firstText ??= texts.get(column.name);
    if (scan.turned.size === 0) return scan;
    for (const { name, firstText } of scan.found.filter((column) => scan.turned.has(column.name))) {
      types.set(name, 'category');
      texts.set(name, firstText);
    }
  }
}

async function scanOnce(source: RowSource, isUsed: (name: string) => boolean, types: DeclaredTypes) {
  const { columns, rows } = source.open();
  const found: FoundColumn[] = [];
  const used: { readonly place: number; readonly column: FoundColumn }[] = [];
  const turned = new Set<string>();
  let known = 0;
  let rowCount = 0;
  let firstLine = 0;
  for await (const { line, cells } of rows) {
    if (rowCount === 0) firstLine = line;
    for (; known < columns.length; known++) {
      const name = columns[known] as string;
      const column = newColumn(name, types.get(name), rowCount, firstLine);
      found.push(column);
      if (isUsed(name)) used.push({ place: known, column });
    }
    for (const { place, column } of used) {
      if (observe(source, column, types.get(column.name), cells[place], line)) turned.add(column.name);
    }
    rowCount++;
  }
  for (; known < columns.length; known++) found.push(newColumn(columns[known] as string, undefined, 0, 0));
  return { found, rowCount, firstLine, turned };
}

/** A column that is first met in a later row is missing in those before. */
function newColumn(
  name: string,
  type: ColumnType | undefined,
  rowsBefore: number,
  firstLine: number,
): FoundColumn {
  return {
    name,
    kind: type ?? 'number',
    count: 0,
    missing: rowsBefore,
    firstMissing: rowsBefore > 0 ? firstLine : undefined,
    mean: 0,
    categories: new Set(),
    firstText: undefined,
  };
}

/** Whether the column turned from numbers to categories. */
function observe(
  source: RowSource,
  column: FoundColumn,
  type: ColumnType | undefined,
  cell: Cell,
  line: number,
): boolean {
  if (cell === undefined) {
    column.missing++;
    column.firstMissing ??= line;
    return false;
  }
  if (isRefused(cell)) throw refusedError(source, line, column.name, cell);
  let hasTurned = false;
  column.count++;
  if (column.kind === 'number') {
    const number = source.numberOf(cell);
    if (number !== undefined) {
      column.mean += (number - column.mean) / column.count;
      return false;
    }
    if (type === 'number') throw numberError(source, line, column.name, cell);
    column.kind = 'category';
    column.firstText = { line, text: String(cell) };
    hasTurned = column.count > 1;
  }
  column.categories.add(String(cell));
  if (column.categories.size > MAX_CATEGORIES) {
    throw cellError(
      source,
      line,
      column.name,
      `more than ${MAX_CATEGORIES} categories${originOf(source, column)}`,
    );
  }
  return hasTurned;
}

/** Why a column is taken for categories, for errors. */
export function originOf(source: RowSource, { firstText }: FoundColumn): string {
  if (firstText === undefined) return '';
  return `; it is taken for categories since ${source.unit} ${firstText.line} holds ${formatValue(firstText.text)}`;
}
