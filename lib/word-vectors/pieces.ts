/**
 * Pieces of words, as in fastText (P. Bojanowski et al., 2017): the runs of characters of `<word>`, hashed into buckets.
 * A word's vector is the mean of its own and its pieces', so that rare words learn from others, and words that were
 * never seen have vectors as well.
 */
import type { NativeSparseInputs } from '../native/index.ts';

export interface Subwords {
  /** The least and the most characters of a piece. Default: `[3, 6]`. */
  readonly ngrams?: readonly [number, number];
  /** Pieces share a vector when their hashes fall into the same of so many buckets. Default: 2,000,000. */
  readonly buckets?: number;
}

/** The rows of the input table that make up each word: its own, then those of its pieces. */
export interface PieceTable {
  readonly rows: NativeSparseInputs;
  readonly rowCount: number;
  /** Rows of the buckets that training uses; others take no memory. */
  readonly rowOfBucket: ReadonlyMap<number, number>;
}

/** FNV-1a of 32 bits, over the bytes of UTF-8. */
function hash(piece: string): number {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(piece)) state = Math.imul(state ^ byte, 0x01000193);
  return state >>> 0;
}

export function bucketsOf(word: string, { ngrams: [least, most], buckets }: Required<Subwords>): number[] {
  const characters = Array.from(`<${word}>`);
  const found: number[] = [];
  for (let first = 0; first < characters.length; first++) {
    for (let length = least; length <= most && first + length <= characters.length; length++) {
      // The whole of it is the word's own row.
      if (length < characters.length)
        found.push(hash(characters.slice(first, first + length).join('')) % buckets);
    }
  }
  return found;
}

export function makePieceTable(words: readonly string[], settings: Required<Subwords>): PieceTable {
  const rowOfBucket = new Map<number, number>();
  const offsets = new Uint32Array(words.length + 1);
  const indices: number[] = [];
  for (const [place, word] of words.entries()) {
    indices.push(place);
    for (const bucket of bucketsOf(word, settings)) {
      const row = rowOfBucket.get(bucket) ?? words.length + rowOfBucket.size;
      rowOfBucket.set(bucket, row);
      indices.push(row);
    }
    offsets[place + 1] = indices.length;
  }
  const rows = { offsets, indices: Uint32Array.from(indices) };
  return { rows, rowCount: words.length + rowOfBucket.size, rowOfBucket };
}

/** The vectors of pieces after training. */
export class WordPieces {
  readonly #settings: Required<Subwords>;
  readonly #rowOfBucket: ReadonlyMap<number, number>;
  readonly #input: Float32Array;
  readonly #units: number;

  constructor(settings: Required<Subwords>, table: PieceTable, input: Float32Array) {
    this.#settings = settings;
    this.#rowOfBucket = table.rowOfBucket;
    this.#input = input;
    this.#units = input.length / table.rowCount;
  }

  /** The mean of the word's pieces that were trained; undefined when none was. */
  vectorOf(word: string): Float32Array | undefined {
    const rows = bucketsOf(word, this.#settings).flatMap((bucket) => this.#rowOfBucket.get(bucket) ?? []);
    return rows.length === 0 ? undefined : meanOfRows(this.#input, this.#units, rows);
  }
}

export function meanOfRows(table: Float32Array, units: number, rows: ArrayLike<number>): Float32Array {
  const mean = new Float32Array(units);
  for (let at = 0; at < rows.length; at++) {
    for (let i = 0; i < units; i++) {
      mean[i] = (mean[i] as number) + (table[(rows[at] as number) * units + i] as number) / rows.length;
    }
  }
  return mean;
}
