import { readOptions, readValue, text, withDefault } from '../../core/options.ts';
import { type JsonRow, readJsonRows, readNdjsonRows } from '../../formats/json-rows.ts';
import type { Dataset, LabelKind } from '../dataset.ts';
import { numberOfCell } from '../encoding/row-values.ts';
import type { Cell, Pass, Row, RowSource } from '../encoding/rows.ts';
import { type LikeOptions, marks, TABLE_OPTIONS, type TableOptions } from '../encoding/table-options.ts';
import type { TargetKind } from './csv.ts';
import { readTable } from './read-table.ts';

export interface JsonFormatOptions {
  /** Texts that stand for a missing value, beside null and a key that is not there. Default: none. */
  readonly missingMarks?: readonly string[];
}

export interface JsonOptions<
  Target extends string | readonly string[] | undefined = string | readonly string[] | undefined,
  Label extends LabelKind = LabelKind,
> extends JsonFormatOptions,
    TableOptions<Target, Label> {}

const OPTIONS = { ...TABLE_OPTIONS, missingMarks: withDefault(marks, []) };

/**
 * A JSON file (UTF-8) of an array of objects as a dataset `[features]`, one sample an object, one column a key. A column
 * whose values are all numbers, true (1) or false (0) gives one feature, any other is of categories, one-hot unless said
 * otherwise; `dataset.table` says what was found. A number in quotes is a text. Null and a key that is not there
 * are missing values. All options beside the format's are those of `csv`.
 *
 * The text of the file is held while it is read; `ndjson` holds a line.
 *
 * @example
 * const visits = await json('visits.json', { target: 'bought', missing: { age: 'mean' } });
 *
 * Throws `FILE_NOT_FOUND`; `FILE_FORMAT` with the line and the key for text that is no JSON, rows that are no objects,
 * keys that stand twice in a row, and no rows; `INVALID_DATA` with the line and the column for a value that is an object
 * or an array, missing, no number where one must be, not finite or of an unknown category; `INVALID_OPTION` for a
 * column that no row has.
 */
export async function json<Label extends LabelKind>(
  path: string,
  options: JsonFormatOptions & LikeOptions<Label> & { readonly labelKind?: Label },
): Promise<Dataset<[number], Label>>;
export async function json(
  path: string,
  options: JsonFormatOptions & LikeOptions & { readonly labelKind: 'none' },
): Promise<Dataset<[number], 'none'>>;
export async function json<
  const Target extends string | readonly string[] | undefined = undefined,
  Label extends LabelKind = TargetKind<Target>,
>(path: string, options?: JsonOptions<Target, Label>): Promise<Dataset<[number], Label>>;
export async function json(path: string, options: object = {}): Promise<Dataset<[number], LabelKind>> {
  return await readRows('json', path, options, readJsonRows);
}

/**
 * An NDJSON file (UTF-8), an object on each line, as a dataset `[features]`: as `json`, but line by line and never held, as
 * `csv` reads. Blank lines are skipped; a line has at most 16 Mi characters.
 *
 * @example
 * const clicks = await ndjson('clicks.ndjson', { target: 'clicked', columns: ['age', 'country'] });
 *
 * Throws as `json` does.
 */
export async function ndjson<Label extends LabelKind>(
  path: string,
  options: JsonFormatOptions & LikeOptions<Label> & { readonly labelKind?: Label },
): Promise<Dataset<[number], Label>>;
export async function ndjson(
  path: string,
  options: JsonFormatOptions & LikeOptions & { readonly labelKind: 'none' },
): Promise<Dataset<[number], 'none'>>;
export async function ndjson<
  const Target extends string | readonly string[] | undefined = undefined,
  Label extends LabelKind = TargetKind<Target>,
>(path: string, options?: JsonOptions<Target, Label>): Promise<Dataset<[number], Label>>;
export async function ndjson(path: string, options: object = {}): Promise<Dataset<[number], LabelKind>> {
  return await readRows('ndjson', path, options, readNdjsonRows);
}

async function readRows(
  operation: string,
  path: string,
  options: object,
  read: (path: string) => AsyncIterable<JsonRow>,
): Promise<Dataset<[number], LabelKind>> {
  readValue(operation, 'path', path, text);
  const given = readOptions(operation, options, OPTIONS);
  const source = jsonSource(operation, { path, read, missingMarks: given.missingMarks });
  return (await readTable(source, given)) as Dataset<[number], LabelKind>;
}

/** The rows of a file, to be read any number of times. */
export function jsonSource(
  operation: string,
  file: {
    readonly path: string;
    readonly read: (path: string) => AsyncIterable<JsonRow>;
    readonly missingMarks: readonly string[];
  },
): RowSource {
  const { path, read, missingMarks } = file;
  const missing = new Set<unknown>([null, ...missingMarks]);
  return {
    operation,
    name: path,
    unit: 'line',
    fixedColumns: false,
    numberOf: numberOfCell,
    role: 'data',
    open: () => openRows(read(path), missing),
  };
}

function openRows(given: AsyncIterable<JsonRow>, missing: ReadonlySet<unknown>): Pass {
  const columns: string[] = [];
  const places = new Map<string, number>();
  async function* rows(): AsyncGenerator<Row, void, void> {
    for await (const { line, entries } of given) {
      const cells: Cell[] = new Array(columns.length).fill(undefined);
      for (const [key, value] of entries) {
        let place = places.get(key);
        if (place === undefined) {
          place = columns.push(key) - 1;
          places.set(key, place);
        }
        cells[place] = missing.has(value) ? undefined : (value as Cell);
      }
      yield { line, cells };
    }
  }
  return { columns, rows: rows() };
}
