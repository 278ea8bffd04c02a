/** Sparse samples that come one entry after another, from a file or from rows. */
import { lineError } from '../../formats/format-error.ts';
import type { SparseInputs } from '../parts/sparse-inputs.ts';

/** Entries are numbered by 32 bits. */
const MAX_ENTRIES = 2 ** 32 - 1;

export class SparseRowsBuilder {
  readonly #offsets = [0];
  readonly #indices = new Growing((length) => new Uint32Array(length));
  readonly #values = new Growing((length) => new Float32Array(length));

  /** Of all samples. */
  get entries(): number {
    return this.#indices.length;
  }

  /** Of the sample that `endSample` ends. */
  add(feature: number, value: number): void {
    this.#indices.push(feature);
    this.#values.push(value);
  }

  /** Of a file, or of what errors call `name`. */
  endSample(name: string, line: number): void {
    if (this.#indices.length > MAX_ENTRIES) {
      throw lineError(name, line, `there are more than ${MAX_ENTRIES} entries; give several datasets`);
    }
    this.#offsets.push(this.#indices.length);
  }

  taken(): SparseInputs {
    return {
      offsets: Uint32Array.from(this.#offsets),
      indices: this.#indices.taken(),
      values: this.#values.taken(),
    };
  }
}

/** A typed array that doubles when it is full. */
class Growing<Data extends Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>> {
  length = 0;
  readonly #make: (length: number) => Data;
  #data: Data;

  constructor(make: (length: number) => Data) {
    this.#make = make;
    this.#data = make(1024);
  }

  push(value: number): void {
    if (this.length === this.#data.length) {
      const larger = this.#make(2 * this.length);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.length++] = value;
  }

  taken(): Data {
    return this.#data.slice(0, this.length) as Data;
  }
}
