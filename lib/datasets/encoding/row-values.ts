/** What the values of rows in JavaScript are as cells of a table. */
import { formatValue } from '../../core/options.ts';
import type { Cell, CellValue } from './rows.ts';

/** A value of a row; null, undefined and NaN are missing. */
export type RowValue = string | number | boolean | null | undefined;

export function toCell(value: unknown): Cell {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isNaN(value) ? undefined : value;
    case 'undefined':
      return undefined;
    default:
      return value === null ? undefined : { refused: formatValue(value) };
  }
}

/** A text is no number, whatever it says; true and false are 1 and 0. */
export function numberOfCell(cell: CellValue): number | undefined {
  return typeof cell === 'string' ? undefined : Number(cell);
}

export function isRowObject(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given) && !ArrayBuffer.isView(given);
}
