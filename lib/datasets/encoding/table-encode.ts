import type { Table } from '../parts/table.ts';
import { RowEncoder } from './row-encoder.ts';
import type { RowSource } from './rows.ts';
import { noRowsError } from './table-fit.ts';

export interface EncodedRows {
  /** `[rows, features]` */
  readonly inputs: Float32Array;
  /** `[rows, targets]`; classes are their indices. */
  readonly targets: Float32Array;
  /** For each input column the rows in which a value was filled in. */
  readonly gaps: readonly Uint32Array[];
}

/** Reads all rows into numbers, holding one row at a time beside the result. */
export async function encodeRows(source: RowSource, table: Table): Promise<EncodedRows> {
  const inputs = new RowEncoder(source, table.inputs, { role: 'input', unknown: table.unknown });
  const targets = new RowEncoder(source, table.targets, { role: 'target', unknown: 'error' });
  const { columns, rows } = source.open();
  for await (const row of rows) {
    inputs.add(row, columns);
    targets.add(row, columns);
  }
  if (inputs.isEmpty) throw noRowsError(source);
  return { inputs: inputs.values(), targets: targets.values(), gaps: inputs.gaps() };
}
