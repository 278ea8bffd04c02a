import { GradloomError } from '../../core/errors.ts';
import { formatValue, guardedBy, readOptions, readValue } from '../../core/options.ts';
import type { Dataset, LabelKind } from '../dataset.ts';
import { isRowObject, numberOfCell, toCell } from '../encoding/row-values.ts';
import type { Pass, Row, RowSource } from '../encoding/rows.ts';
import { type LikeOptions, TABLE_OPTIONS, type TableOptions } from '../encoding/table-options.ts';
import type { TargetKind } from './csv.ts';
import { readTable } from './read-table.ts';

const isList = guardedBy('an array of objects', (given): given is readonly unknown[] => Array.isArray(given));

/**
 * An array of objects, as it comes from a database or an API, as a dataset `[features]`: one sample an object, one column a
 * key. A column whose values are all numbers, true (1) or false (0) gives one feature, any other is of categories, one-hot
 * unless said otherwise; `dataset.table` says what was found. A number in quotes is a text. Null, undefined, NaN and
 * a key that is not there are missing values. All options are those of `csv`.
 *
 * The rows are copied before the call returns, so that what happens to them later does not matter.
 *
 * @example
 * const people = [{ age: 31, city: 'Oslo', bought: 'no' }, { age: 45, city: 'Rome', bought: 'yes' }];
 * const data = await fromRows(people, { target: 'bought' });
 *
 * Rejects with `INVALID_DATA`, by row (from 0) and column, for rows that are no objects or are none, and for a value that is
 * an object, missing, no number where one must be, not finite or of an unknown category; with `INVALID_OPTION` for
 * a column that no row has.
 */
export async function fromRows<Label extends LabelKind>(
  rows: readonly object[],
  options: LikeOptions<Label> & { readonly labelKind?: Label },
): Promise<Dataset<[number], Label>>;
export async function fromRows(
  rows: readonly object[],
  options: LikeOptions & { readonly labelKind: 'none' },
): Promise<Dataset<[number], 'none'>>;
export async function fromRows<
  const Target extends string | readonly string[] | undefined = undefined,
  Label extends LabelKind = TargetKind<Target>,
>(rows: readonly object[], options?: TableOptions<Target, Label>): Promise<Dataset<[number], Label>>;
export async function fromRows(
  rows: readonly object[],
  options: object = {},
): Promise<Dataset<[number], LabelKind>> {
  const table = readOptions('fromRows', options, TABLE_OPTIONS);
  const pass = copyRows(readValue('fromRows', 'rows', rows, isList));
  const source: RowSource = {
    operation: 'fromRows',
    name: 'fromRows',
    unit: 'row',
    fixedColumns: false,
    numberOf: numberOfCell,
    role: 'data',
    open: () => pass,
  };
  return (await readTable(source, table)) as Dataset<[number], LabelKind>;
}

function copyRows(given: readonly unknown[]): Pass {
  const columns: string[] = [];
  const places = new Map<string, number>();
  // Also of places that hold nothing.
  const copies = Array.from(given, (row, line): Row => {
    if (!isRowObject(row)) {
      throw new GradloomError(
        'INVALID_DATA',
        `fromRows: row ${line} must be an object, got ${formatValue(row)}`,
      );
    }
    const cells = columns.map((name) => (Object.hasOwn(row, name) ? toCell(row[name]) : undefined));
    for (const [name, value] of Object.entries(row)) {
      if (places.has(name)) continue;
      places.set(name, columns.push(name) - 1);
      cells.push(toCell(value));
    }
    return { line, cells };
  });
  return { columns, rows: iterate(copies) };
}

/** Any number of passes over what is in memory. */
function iterate(rows: readonly Row[]): AsyncIterable<Row> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* rows;
    },
  };
}
