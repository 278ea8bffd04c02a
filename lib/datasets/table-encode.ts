import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { isFloat32 } from './preprocessing.ts';
import { type Cell, type Column, type Row, type RowSource, type Table, widthOf } from './table.ts';
import { missingError } from './table-fit.ts';
import { cellError } from './table-scan.ts';

export interface EncodedRows {
  /** `[rows, features]` */
  readonly inputs: Float32Array;
  /** `[rows, targets]`; classes are their indices. */
  readonly targets: Float32Array;
}

/** Reads all rows into numbers, holding one row at a time beside the result. */
export async function encodeRows(
  source: RowSource,
  table: Table,
  unknown: 'error' | 'missing',
): Promise<EncodedRows> {
  const inputs = new RowEncoder(source, table.inputs, unknown, 'inputs');
  const targets = new RowEncoder(source, table.targets, 'error', 'targets');
  const { columns, rows } = source.open();
  for await (const row of rows) {
    inputs.add(row, columns);
    targets.add(row, columns);
  }
  if (inputs.isEmpty) throw new GradloomError('FILE_FORMAT', `${source.name}: has no ${source.unit} of data`);
  return { inputs: inputs.values(), targets: targets.values() };
}

class RowEncoder {
  readonly #source: RowSource;
  readonly #columns: readonly { readonly column: Column; readonly indices: ReadonlyMap<string, number> }[];
  readonly #unknown: 'error' | 'missing';
  readonly #isTarget: boolean;
  readonly #width: number;
  readonly #places: number[] = [];
  #values: Float32Array;
  #length = 0;

  constructor(
    source: RowSource,
    columns: readonly Column[],
    unknown: 'error' | 'missing',
    role: 'inputs' | 'targets',
  ) {
    this.#source = source;
    this.#columns = columns.map((column) => ({
      column,
      indices: new Map(
        column.kind === 'category' ? column.categories.map((name, index) => [name, index]) : [],
      ),
    }));
    this.#unknown = unknown;
    this.#isTarget = role === 'targets';
    this.#width = columns.reduce((sum, column) => sum + widthOf(column), 0);
    this.#values = new Float32Array(this.#width * 256);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add({ line, cells }: Row, names: readonly string[]): void {
    if (this.#length + this.#width > this.#values.length) this.#grow();
    for (const [index, { column, indices }] of this.#columns.entries()) {
      const cell = cells[this.#placeOf(index, column.name, names)];
      const value = this.#encode(column, indices, cell, line);
      if (column.kind === 'number' || column.encoding === 'index') this.#values[this.#length] = value ?? 0;
      else if (value !== undefined) this.#values[this.#length + value] = 1;
      this.#length += widthOf(column);
    }
  }

  values(): Float32Array {
    return this.#values.subarray(0, this.#length);
  }

  /** Undefined: no category at all. */
  #encode(
    column: Column,
    indices: ReadonlyMap<string, number>,
    cell: Cell,
    line: number,
  ): number | undefined {
    if (cell === undefined) return this.#fill(column, line);
    if (column.kind === 'number') {
      const number = this.#source.numberOf(cell);
      if (number === undefined)
        throw cellError(this.#source, line, column.name, `${formatValue(cell)} is no number`);
      if (!isFloat32(number)) {
        throw cellError(
          this.#source,
          line,
          column.name,
          `${formatValue(cell)} is not finite as float32; rescale or drop it`,
        );
      }
      return number;
    }
    const index = indices.get(String(cell));
    if (index !== undefined) return index;
    if (this.#unknown === 'missing') return this.#fill(column, line);
    const remedy = this.#isTarget ? '' : '; to read it as a missing value, give { unknown: "missing" }';
    throw cellError(
      this.#source,
      line,
      column.name,
      `${formatValue(cell)} is none of the ${indices.size} categories of the training file${remedy}`,
    );
  }

  #fill(column: Column, line: number): number | undefined {
    if (column.missing === 'error') throw missingError(this.#source, line, column.name, this.#isTarget);
    if (column.kind === 'number') return column.missing === 'mean' ? column.mean : 0;
    return column.missing === 'category' ? column.categories.length - 1 : undefined;
  }

  /** Looked up once a column: names are only ever appended. -1 while it has not come up. */
  #placeOf(index: number, name: string, names: readonly string[]): number {
    const known = this.#places[index];
    if (known !== undefined && known >= 0) return known;
    const place = names.indexOf(name);
    if (place < 0 && this.#source.fixedColumns) {
      const hint = this.#isTarget ? '; to read it without labels, give { labelKind: "none" }' : '';
      throw new GradloomError(
        'INVALID_DATA',
        `${this.#source.name}: has no column ${formatValue(name)}, which the training file has${hint}`,
      );
    }
    this.#places[index] = place;
    return place;
  }

  #grow(): void {
    try {
      const larger = new Float32Array(
        Math.max(this.#length + this.#width, Math.ceil(this.#values.length * 1.5)),
      );
      larger.set(this.#values);
      this.#values = larger;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new GradloomError(
        'OUT_OF_MEMORY',
        `${this.#source.name}: no memory for more than the ${this.#length} values read so far`,
        { cause: error },
      );
    }
  }
}
