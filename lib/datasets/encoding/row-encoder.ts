import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { isFloat32 } from '../parts/preprocessing.ts';
import { type Column, widthOf } from '../parts/table.ts';
import { type Cell, isRefused, type Row, type RowReading } from './rows.ts';
import { cellError, missingError, numberError, refusedError, unknownError } from './table-errors.ts';

interface EncodedColumn {
  readonly column: Column;
  readonly indices: ReadonlyMap<string, number>;
  readonly gaps: number[];
}

/** Turns rows into the values of samples, one behind another. */
export class RowEncoder {
  readonly #reading: RowReading;
  readonly #columns: readonly EncodedColumn[];
  readonly #unknown: 'error' | 'missing';
  readonly #role: 'input' | 'target';
  readonly #width: number;
  readonly #places: number[] = [];
  #values: Float32Array<ArrayBuffer>;
  #length = 0;
  #rows = 0;

  constructor(
    reading: RowReading,
    columns: readonly Column[],
    { role, unknown }: { readonly role: 'input' | 'target'; readonly unknown: 'error' | 'missing' },
  ) {
    this.#reading = reading;
    this.#columns = columns.map((column) => ({
      column,
      indices: new Map(
        column.kind === 'category' ? column.categories.map((name, index) => [name, index]) : [],
      ),
      gaps: [],
    }));
    this.#unknown = unknown;
    this.#role = role;
    this.#width = columns.reduce((sum, column) => sum + widthOf(column), 0);
    this.#values = new Float32Array(this.#width * 256);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add({ line, cells }: Row, names: readonly string[]): void {
    if (this.#length + this.#width > this.#values.length) this.#grow();
    for (const [index, encoded] of this.#columns.entries()) {
      const { column } = encoded;
      const cell = cells[this.#placeOf(index, column.name, names)];
      const value = this.#encode(encoded, cell, line);
      if (column.kind === 'number' || column.encoding === 'index') this.#values[this.#length] = value ?? 0;
      else if (value !== undefined) this.#values[this.#length + value] = 1;
      this.#length += widthOf(column);
    }
    this.#rows++;
  }

  values(): Float32Array<ArrayBuffer> {
    return this.#values.subarray(0, this.#length);
  }

  /** For each column the rows in which a value was filled in, from 0. */
  gaps(): readonly Uint32Array[] {
    return this.#columns.map(({ gaps }) => Uint32Array.from(gaps));
  }

  /** Undefined: no category at all. */
  #encode(encoded: EncodedColumn, cell: Cell, line: number): number | undefined {
    const { column, indices } = encoded;
    if (cell === undefined) return this.#fill(encoded, line);
    if (isRefused(cell)) throw refusedError(this.#reading, line, column.name, cell);
    if (column.kind === 'number') {
      const number = this.#reading.numberOf(cell);
      if (number === undefined) throw numberError(this.#reading, line, column.name, cell);
      if (!isFloat32(number)) {
        throw cellError(
          this.#reading,
          line,
          column.name,
          `${formatValue(cell)} is not finite as float32; rescale or drop it`,
        );
      }
      return number;
    }
    const index = indices.get(String(cell));
    if (index !== undefined) return index;
    if (this.#unknown === 'missing') return this.#fill(encoded, line);
    throw unknownError(this.#reading, line, column, { cell, role: this.#role });
  }

  #fill({ column, gaps }: EncodedColumn, line: number): number | undefined {
    if (column.missing === 'error') throw missingError(this.#reading, line, column.name, this.#role);
    gaps.push(this.#rows);
    if (column.kind === 'number') return column.missing === 'mean' ? column.mean : 0;
    return column.missing === 'category' ? column.categories.length - 1 : undefined;
  }

  /** Looked up once a column: names are only ever appended. -1 while it has not come up. */
  #placeOf(index: number, name: string, names: readonly string[]): number {
    const known = this.#places[index];
    if (known !== undefined && known >= 0) return known;
    const place = names.indexOf(name);
    if (place < 0 && this.#reading.fixedColumns) {
      const hint = this.#role === 'target' ? '; to read it without labels, give { labelKind: "none" }' : '';
      throw new GradloomError(
        'INVALID_DATA',
        `${this.#reading.name}: has no column ${formatValue(name)}, which the training data have${hint}`,
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
        `${this.#reading.name}: no memory for more than the ${this.#length} values read so far`,
        { cause: error },
      );
    }
  }
}
