/** What can be wrong with a column or a cell: the source, the line or row, the column, and what to do about it. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, suggest } from '../../core/options.ts';
import type { CategoryColumn } from '../parts/table.ts';
import { type CellValue, type Refused, type RowReading, type RowSource, subjectOf } from './rows.ts';

/** Of a column that an option names and the data have not. */
export function absentColumnError(
  source: RowSource,
  option: string,
  name: string,
  found: readonly string[],
): GradloomError {
  return new GradloomError(
    'INVALID_OPTION',
    `${source.operation}: ${option} names ${formatValue(name)}, but ${subjectOf(source)} has no such column; ` +
      `${suggest(name, found)}${source.hintAt?.(found) ?? ''}`,
  );
}

export function cellError(reading: RowReading, line: number, column: string, text: string): GradloomError {
  return new GradloomError(
    'INVALID_DATA',
    `${reading.name}: ${reading.unit} ${line}: column ${formatValue(column)}: ${text}`,
  );
}

export function missingError(
  reading: RowReading,
  line: number,
  column: string,
  role: 'input' | 'target',
): GradloomError {
  const remedy =
    role === 'target'
      ? 'the target must be there in each; drop such rows'
      : reading.role === 'samples'
        ? 'give one, or train on data that were read with { missing } for this column'
        : 'fill it by { missing: "zero" | "mean" | "category" }, or leave the column out by { columns }';
  return cellError(reading, line, column, `the value is missing; ${remedy}`);
}

export function unknownError(
  reading: RowReading,
  line: number,
  { name, categories }: CategoryColumn,
  { cell, role }: { readonly cell: CellValue; readonly role: 'input' | 'target' },
): GradloomError {
  const remedy =
    role === 'target'
      ? ''
      : reading.role === 'samples'
        ? '; train on data that were read with { unknown: "missing" } to take it for a missing value'
        : '; to read it as a missing value, give { unknown: "missing" }';
  const text = `${formatValue(cell)} is none of the ${categories.length} categories of the training data${remedy}`;
  return cellError(reading, line, name, text);
}

export function numberError(
  reading: RowReading,
  line: number,
  column: string,
  cell: CellValue,
): GradloomError {
  const isNumberInQuotes =
    typeof cell === 'string' && /^\s*[+-]?[0-9.]/.test(cell) && !Number.isNaN(Number(cell));
  const text = isNumberInQuotes ? 'is a string, a number is expected' : 'is no number';
  const hint = reading.hintAtNumber?.(cell) ?? '';
  return cellError(reading, line, column, `${formatValue(cell)} ${text}${hint}`);
}

export function refusedError(
  reading: RowReading,
  line: number,
  column: string,
  { refused }: Refused,
): GradloomError {
  const remedy =
    reading.role === 'samples'
      ? 'a value is a number, a string, true or false'
      : 'a value is a number, a string, true or false; flatten it, or leave the column out by { columns }';
  return cellError(reading, line, column, `holds ${refused}; ${remedy}`);
}
