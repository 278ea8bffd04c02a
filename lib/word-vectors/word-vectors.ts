/** Words and a vector of each. */
import { GradloomError } from '../core/errors.ts';
import { highest } from '../core/highest.ts';
import {
  extent,
  formatValue,
  numberThat,
  oneOf,
  optional,
  readOptions,
  readValue,
  text,
  withDefault,
} from '../core/options.ts';
import { isList } from '../datasets/values/copies.ts';
import { readWordTable, type WordTableFormat, writeWordTable } from '../formats/word2vec.ts';
import type { WordPieces } from './pieces.ts';

export interface SimilarWord {
  readonly word: string;
  /** The cosine of the angle between the two vectors, from -1 to 1. */
  readonly similarity: number;
}

export interface MostSimilarOptions {
  /** How many words. Default: 10. */
  readonly count?: number;
}

export interface Analogy {
  /** Words whose directions are added, such as `['king', 'woman']`. */
  readonly positive: readonly string[];
  /** Words whose directions are taken away, such as `['man']`. Default: none. */
  readonly negative?: readonly string[];
}

export interface WordFileOptions {
  /** Default: `'binary'` for a path that ends in `.bin`, else `'text'`. */
  readonly format?: WordTableFormat;
}

const FILE_OPTIONS = { format: optional(oneOf('text', 'binary')) };
const SIMILAR_OPTIONS = { count: withDefault(extent, 10) };
const finite = numberThat('a finite number', () => true);

/**
 * What `word2vec` and `glove` give: a vector for each word, so that words used in like ways have vectors of like
 * directions.
 *
 * @example
 * const vectors = await loadWordVectors('vectors.bin');
 * vectors.mostSimilar('king', { count: 3 }); // [{ word: 'queen', similarity: 0.71 }, ...]
 * vectors.analogy({ positive: ['king', 'woman'], negative: ['man'] });
 */
export class WordVectors {
  /** In order of rows; of those trained here the most frequent first. */
  readonly words: readonly string[];
  /** Values of a vector. */
  readonly units: number;
  /** `[words, units]`, row-major. */
  readonly vectors: Float32Array;
  readonly #places: ReadonlyMap<string, number>;
  readonly #pieces: WordPieces | undefined;
  #norms: Float64Array | undefined;

  /**
   * Throws `SHAPE_MISMATCH` for vectors that do not fit the words, `INVALID_DATA` for a word that is there twice and for a value
   * that is no finite number.
   */
  constructor(words: readonly string[], vectors: Float32Array, pieces?: WordPieces) {
    this.units = vectors.length / Math.max(words.length, 1);
    if (!Number.isInteger(this.units) || (words.length > 0 && this.units < 1)) {
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `WordVectors: ${vectors.length} values are no vectors of equal length for ${words.length} words`,
      );
    }
    this.words = Object.freeze([...words]);
    this.vectors = vectors;
    this.#places = new Map(words.map((word, place) => [word, place]));
    if (this.#places.size !== words.length) {
      const twice = words.find((word, place) => this.#places.get(word) !== place);
      throw new GradloomError('INVALID_DATA', `WordVectors: the word ${formatValue(twice)} is there twice`);
    }
    const place = countFinite(vectors);
    if (place < vectors.length) {
      const word = formatValue(words[Math.floor(place / this.units)]);
      throw new GradloomError(
        'INVALID_DATA',
        `WordVectors: value ${place % this.units} of the vector of ${word} must be ${finite.expected}, got ${vectors[place]}`,
      );
    }
    this.#pieces = pieces;
  }

  /** Whether the word was seen in training. */
  has(word: string): boolean {
    return this.#places.has(word);
  }

  /**
   * A copy of the word's vector. Of a word that was never seen, the mean of its pieces where vectors were trained with
   * `subwords`; else undefined.
   */
  get(word: string): Float32Array | undefined {
    const place = this.#places.get(word);
    if (place !== undefined) return this.#row(place).slice();
    return this.#pieces?.vectorOf(word);
  }

  /** The cosine of the angle between two words. Throws `INVALID_DATA` for a word without a vector. */
  similarity(first: string, second: string): number {
    const a = this.#vectorOf('similarity', first);
    const b = this.#vectorOf('similarity', second);
    return cosine(a, b);
  }

  /**
   * The words nearest to a word, which is left out itself, or to a vector, nearest first. Throws `INVALID_DATA` for a word without
   * a vector and for a value of a vector that is no finite number, `SHAPE_MISMATCH` for a vector of another length.
   */
  mostSimilar(to: string | ArrayLike<number>, options: MostSimilarOptions = {}): SimilarWord[] {
    const { count } = readOptions('mostSimilar', options, SIMILAR_OPTIONS);
    if (typeof to === 'string') return this.#nearest(this.#vectorOf('mostSimilar', to), count, [to]);
    this.#checkVector(to);
    return this.#nearest(to, count, []);
  }

  /**
   * The words nearest to the sum of the directions of `positive` less those of `negative` (each of length 1), without
   * these words: `man` is to `king` as `woman` to the answer of `{ positive: ['king', 'woman'], negative: ['man'] }`.
   */
  analogy({ positive, negative = [] }: Analogy, options: MostSimilarOptions = {}): SimilarWord[] {
    const { count } = readOptions('analogy', options, SIMILAR_OPTIONS);
    if (!Array.isArray(positive) || !Array.isArray(negative) || positive.length + negative.length === 0) {
      throw new GradloomError(
        'INVALID_OPTION',
        "analogy: expected lists of words such as { positive: ['king', 'woman'], negative: ['man'] }",
      );
    }
    const sum = new Float64Array(this.units);
    for (const [words, sign] of [
      [positive, 1],
      [negative, -1],
    ] as const) {
      for (const word of words) {
        const vector = this.#vectorOf('analogy', word);
        const length = lengthOf(vector) || 1;
        for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (sign * (vector[i] as number)) / length;
      }
    }
    return this.#nearest(sum, count, [...positive, ...negative]);
  }

  /**
   * Writes the vectors of all words as the word2vec program does, for other programs and `loadWordVectors`. Pieces of words are not
   * in these files. What `path` held is replaced at once or not at all.
   */
  async save(path: string, options: WordFileOptions = {}): Promise<void> {
    const { format } = readOptions('save', options, FILE_OPTIONS);
    await writeWordTable(path, this, format ?? formatOf(path));
  }

  #row(place: number): Float32Array {
    return this.vectors.subarray(place * this.units, (place + 1) * this.units);
  }

  #checkVector(given: unknown): void {
    const expected = `mostSimilar: expected a word or a vector of ${this.units} values`;
    if (!isList(given)) throw new GradloomError('INVALID_OPTION', `${expected}, got ${formatValue(given)}`);
    if (given.length !== this.units) {
      throw new GradloomError('SHAPE_MISMATCH', `${expected}, got ${given.length} values`);
    }
    const place = Array.from(given).findIndex((value) => finite.read(value) === undefined);
    if (place < 0) return;
    throw new GradloomError(
      'INVALID_DATA',
      `mostSimilar: value ${place} of the vector must be ${finite.expected}, got ${formatValue(given[place])}`,
    );
  }

  #vectorOf(operation: string, word: string): Float32Array {
    const vector = typeof word === 'string' ? this.get(word) : undefined;
    if (vector !== undefined) return vector;
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: there is no vector of ${formatValue(word)}; ask has(word) first`,
    );
  }

  #nearest(to: ArrayLike<number>, count: number, without: readonly string[]): SimilarWord[] {
    this.#norms ??= Float64Array.from(this.words, (_, place) => lengthOf(this.#row(place)));
    const length = lengthOf(to);
    const left = new Set<unknown>(without.map((word) => this.#places.get(word)));
    const similarities = new Float64Array(this.words.length);
    for (let place = 0; place < similarities.length; place++) {
      const product = dot(to, this.vectors, place * this.units);
      const lengths = length * (this.#norms[place] as number);
      similarities[place] = lengths === 0 ? 0 : product / lengths;
    }
    return highest(similarities, { count, left }).map((place) => ({
      word: this.words[place] as string,
      similarity: similarities[place] as number,
    }));
  }
}

/**
 * Reads word vectors from a file of the word2vec program, text or binary. Throws `FILE_NOT_FOUND`, `FILE_FORMAT` for a
 * file that is none, and `INVALID_DATA` for a value that is no finite number.
 */
export async function loadWordVectors(path: string, options: WordFileOptions = {}): Promise<WordVectors> {
  const { format } = readOptions('loadWordVectors', options, FILE_OPTIONS);
  readValue('loadWordVectors', 'path', path, text);
  const { words, vectors } = await readWordTable(path, format ?? formatOf(path));
  return new WordVectors(words, vectors);
}

function formatOf(path: string): WordTableFormat {
  return path.endsWith('.bin') ? 'binary' : 'text';
}

/** How many values are finite numbers before the first that is none. */
function countFinite(values: Float32Array): number {
  let count = 0;
  while (count < values.length && Number.isFinite(values[count])) count++;
  return count;
}

/** Of a vector and the one that begins at `from`. */
function dot(a: ArrayLike<number>, b: ArrayLike<number>, from = 0): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[from + i] as number);
  return sum;
}

function lengthOf(vector: ArrayLike<number>): number {
  return Math.sqrt(dot(vector, vector));
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const lengths = lengthOf(a) * lengthOf(b);
  return lengths === 0 ? 0 : dot(a, b) / lengths;
}
