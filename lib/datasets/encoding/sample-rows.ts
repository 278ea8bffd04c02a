import { GradloomError } from '../../core/errors.ts';
import { formatValue, listOf } from '../../core/options.ts';
import type { Table } from '../parts/table.ts';
import { isList } from '../values/copies.ts';
import { RowEncoder } from './row-encoder.ts';
import { isRowObject, numberOfCell, toCell } from './row-values.ts';
import type { RowReading } from './rows.ts';
import { cellError } from './table-errors.ts';

/** In errors about a row's columns. */
const MAX_NAMES = 8;

/**
 * The values `[rows, features]` of rows for a model that was trained on `table`: objects by column, or arrays in the order
 * of `table.inputs`. Rows count from 0 in errors.
 *
 * Throws `INVALID_DATA` with the row and the column for a value that is missing, of another type than the column or of an
 * unknown category, and `SHAPE_MISMATCH` for an array of another length.
 */
export function encodeSampleRows(
  operation: string,
  table: Table,
  rows: readonly unknown[],
): Float32Array<ArrayBuffer> {
  const reading: RowReading = {
    operation,
    name: operation,
    unit: 'row',
    fixedColumns: true,
    numberOf: numberOfCell,
    role: 'samples',
  };
  const names = table.inputs.map(({ name }) => name);
  const encoder = new RowEncoder(reading, table.inputs, { role: 'input', unknown: table.unknown });
  for (const [line, row] of rows.entries()) {
    encoder.add({ line, cells: cellsOf(reading, table, line, row).map(toCell) }, names);
  }
  return encoder.values();
}

function cellsOf(
  reading: RowReading,
  { inputs, featureNames }: Table,
  line: number,
  row: unknown,
): unknown[] {
  if (isRowObject(row)) {
    const absent = inputs.find(({ name, missing }) => missing === 'error' && !Object.hasOwn(row, name));
    if (absent === undefined)
      return inputs.map(({ name }) => (Object.hasOwn(row, name) ? row[name] : undefined));
    throw cellError(reading, line, absent.name, `is not in the row, which has ${namesOf(Object.keys(row))}`);
  }
  if (!isList(row)) {
    throw new GradloomError(
      'INVALID_DATA',
      `${reading.name}: row ${line} must be an object by column or an array of values, got ${formatValue(row)}`,
    );
  }
  if (row.length === inputs.length) return Array.from(row);
  const hint =
    row.length === featureNames.length ? '; give values that are encoded already as one Float32Array' : '';
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `${reading.name}: row ${line} has ${row.length} values; expected one for each column: ` +
      `${namesOf(inputs.map(({ name }) => name))}${hint}`,
  );
}

function namesOf(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const shown = names.slice(0, MAX_NAMES).map(formatValue);
  return listOf(names.length > MAX_NAMES ? [...shown, `${names.length - MAX_NAMES} more`] : shown);
}
