import { GradloomError } from '../../core/errors.ts';
import { oneOf, optional, type Rule, readOptions, readValue, text, withDefault } from '../../core/options.ts';
import { readCsvRecords } from '../../formats/csv.ts';
import type { Dataset, LabelKind } from '../dataset.ts';
import type { CellValue, Pass, Row, RowSource } from '../encoding/rows.ts';
import {
  columnNames,
  type LikeOptions,
  marks,
  TABLE_OPTIONS,
  type TableOptions,
} from '../encoding/table-options.ts';
import { readTable } from './read-table.ts';

export interface CsvFormatOptions {
  /** `'row'`: the first record names the columns; `'none'`: they are `column 1`, `column 2`, ...; or their names. Default: `'row'`. */
  readonly header?: 'row' | 'none' | readonly string[];
  /** One or more characters. Default: `','`. */
  readonly delimiter?: string;
  /** The character around fields, or `'none'`. Default: `'"'`. */
  readonly quote?: string;
  /** What stands before the decimals of numbers. Default: `'.'`. */
  readonly decimal?: '.' | ',';
  /** What stands between groups of three digits, as in `1,234,567.8`. Default: nothing does. */
  readonly thousands?: ',' | '.' | ' ' | "'" | undefined;
  /** Texts that stand for a missing value. Default: those of pandas: an empty field, `NA`, `NaN`, `null`, `None`, ... */
  readonly missingMarks?: readonly string[];
}

export interface CsvOptions<
  Target extends string | readonly string[] | undefined = string | readonly string[] | undefined,
  Label extends LabelKind = LabelKind,
> extends CsvFormatOptions,
    TableOptions<Target, Label> {}

/** The kind of label that a target has when `labelKind` is left out. */
export type TargetKind<Target> = Target extends string
  ? 'class'
  : Target extends readonly string[]
    ? 'values'
    : 'none';

const header: Rule<'row' | 'none' | readonly string[]> = {
  expected: `"row", "none" or ${columnNames.expected}`,
  read: (given) => (given === 'row' || given === 'none' ? given : columnNames.read(given)),
};

const quote: Rule<string> = {
  expected: 'one character, or "none"',
  read: (given) =>
    typeof given === 'string' && (given.length === 1 || given === 'none') ? given : undefined,
};

/** The defaults of pandas' `read_csv`, and NAN. */
export const MISSING_MARKS: readonly string[] = [
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>'],
  ...['N/A', 'NA', 'NAN', 'NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
];

export const RECORD_OPTIONS = {
  header: withDefault(header, 'row'),
  delimiter: withDefault(text, ','),
  quote: withDefault(quote, '"'),
};

const OPTIONS = {
  ...TABLE_OPTIONS,
  ...RECORD_OPTIONS,
  decimal: withDefault(oneOf('.', ','), '.'),
  thousands: optional(oneOf(',', '.', ' ', "'")),
  missingMarks: withDefault(marks, MISSING_MARKS),
};

/**
 * A CSV file (UTF-8) as a dataset `[features]`. A column whose values are all numbers gives one feature, any other is
 * of categories, one-hot unless said otherwise; `dataset.table` says what was found. The file is read
 * twice or, where a text turns up behind numbers, three times, and never held: memory is needed for the numbers alone.
 *
 * Blanks around fields are dropped, blank lines are skipped. Columns without a name are called `column 1`, ... by
 * their place.
 *
 * A test file is read by the categories and fills of its training file: `csv('test.csv', { like: train })`. A model keeps
 * them when it is trained and saved: its `predict` and `classify` take rows, `{ height: 3, color: 'red' }`.
 *
 * @example
 * const flowers = await csv('flowers.csv', { target: 'species', missing: { height: 'mean' } });
 *
 * Throws `FILE_NOT_FOUND`; `FILE_FORMAT` with the line for quotes that do not match, a wrong number of fields, equal
 * names and no rows; `INVALID_DATA` with the line and the column for a value that is missing, no number where one must
 * be, not finite or of an unknown category; `INVALID_OPTION` for a column that the file has not.
 */
export async function csv<Label extends LabelKind>(
  path: string,
  options: CsvFormatOptions & LikeOptions<Label> & { readonly labelKind?: Label },
): Promise<Dataset<[number], Label>>;
export async function csv(
  path: string,
  options: CsvFormatOptions & LikeOptions & { readonly labelKind: 'none' },
): Promise<Dataset<[number], 'none'>>;
export async function csv<
  const Target extends string | readonly string[] | undefined = undefined,
  Label extends LabelKind = TargetKind<Target>,
>(path: string, options?: CsvOptions<Target, Label>): Promise<Dataset<[number], Label>>;
export async function csv(path: string, options: object = {}): Promise<Dataset<[number], LabelKind>> {
  readValue('csv', 'path', path, text);
  const given = readOptions('csv', options, OPTIONS);
  if (given.thousands === given.decimal) {
    throw new GradloomError(
      'INVALID_OPTION',
      `csv: decimal and thousands are both ${JSON.stringify(given.decimal)}; numbers need two signs, or leave thousands out`,
    );
  }
  return (await readTable(csvSource(path, given), given)) as Dataset<[number], LabelKind>;
}

/** The rows of a file, to be read any number of times. */
export function csvSource(path: string, options: Required<CsvFormatOptions>): RowSource {
  const { header, delimiter, quote, decimal, thousands, missingMarks } = options;
  const signs = { decimal, thousands };
  const missing = new Set(missingMarks);
  const format = { delimiter, quote: quote === 'none' ? undefined : quote };
  return {
    operation: 'csv',
    name: path,
    unit: 'line',
    fixedColumns: true,
    numberOf: (cell) => parseNumber(cell, signs),
    role: 'data',
    open: () => openFile(path, format, header, missing),
    hintAt: hintAtDelimiter,
    hintAtNumber: (cell) => hintAtSigns(cell, signs),
  };
}

/** Of a file whose lines hold another delimiter than the one that was looked for. */
function hintAtDelimiter(columns: readonly string[]): string {
  const [only = ''] = columns;
  const delimiter =
    columns.length === 1 ? [';', '\t', '|', ','].find((mark) => only.includes(mark)) : undefined;
  return delimiter === undefined ? '' : `; is the delimiter ${JSON.stringify(delimiter)}?`;
}

const NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

type Signs = Required<Pick<CsvFormatOptions, 'decimal' | 'thousands'>>;

/** Of a number with the other decimal sign. */
function hintAtSigns(cell: CellValue, { decimal }: Signs): string {
  const other = decimal === '.' ? ',' : '.';
  const isOther = parseNumber(cell, { decimal: other, thousands: decimal }) !== undefined;
  return isOther ? ` with { decimal: ${JSON.stringify(decimal)} }` : '';
}

/** Infinities are numbers, so that they are refused as such and make no categories of their column. */
function parseNumber(cell: CellValue, { decimal, thousands }: Signs): number | undefined {
  if (typeof cell !== 'string') return Number(cell);
  if (INFINITE.test(cell)) return Number.POSITIVE_INFINITY;
  const plain = thousands === undefined ? cell : withoutGroups(cell, thousands);
  if (decimal === ',' && plain.includes('.')) return undefined;
  const text = decimal === ',' ? plain.replace(',', '.') : plain;
  return NUMBER.test(text) ? Number(text) : undefined;
}

/** Groups of three digits before the decimals; anything else stays as it is. */
function withoutGroups(cell: string, thousands: NonNullable<Signs['thousands']>): string {
  const [whole = '', ...others] = cell.replace(/^[+-]/, '').split(thousands);
  const areGroups =
    /^[1-9]\d{0,2}$/.test(whole) &&
    others.every((group, place) => isGroup(group, place === others.length - 1));
  return areGroups ? cell.replaceAll(thousands, '') : cell;
}

/** Behind the last group decimals may follow. */
function isGroup(group: string, isLast: boolean): boolean {
  return isLast ? /^\d{3}(?!\d)/.test(group) : /^\d{3}$/.test(group);
}

function openFile(
  path: string,
  format: Parameters<typeof readCsvRecords>[1],
  header: 'row' | 'none' | readonly string[],
  missing: ReadonlySet<string>,
): Pass {
  const columns: string[] = Array.isArray(header) ? [...header] : [];
  async function* rows(): AsyncGenerator<Row, void, void> {
    for await (const { line, fields } of readCsvRecords(path, format)) {
      if (columns.length === 0) {
        columns.push(...nameColumns(path, line, header === 'row' ? fields : fields.map(() => '')));
        if (header === 'row') continue;
      }
      if (fields.length !== columns.length) {
        throw new GradloomError(
          'FILE_FORMAT',
          `${path}: line ${line}: has ${fields.length} fields, but there are ${columns.length} columns; check the delimiter ` +
            `(${JSON.stringify(format.delimiter)}) and the quotes`,
        );
      }
      yield { line, cells: fields.map((field) => (missing.has(field) ? undefined : field)) };
    }
  }
  return { columns, rows: rows() };
}

function nameColumns(path: string, line: number, fields: readonly string[]): readonly string[] {
  const names = fields.map((name, place) => (name === '' ? `column ${place + 1}` : name));
  const places = new Map(names.map((name, place) => [name, place]).reverse() as [string, number][]);
  const twin = names.findIndex((name, place) => places.get(name) !== place);
  if (twin < 0) return names;
  throw new GradloomError(
    'FILE_FORMAT',
    `${path}: line ${line}: column ${twin + 1} has the name ${JSON.stringify(names[twin])} of column ` +
      `${names.indexOf(names[twin] as string) + 1}; rename it, or name the columns by { header }`,
  );
}
