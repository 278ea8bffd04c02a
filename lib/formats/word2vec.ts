/**
 * Word vectors as the word2vec program writes them. Both forms begin with a line `words units`. Text: a line a word, its
 * name and its values. Binary: the name, a blank, the values as little-endian float32, a line feed.
 */
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { readWholeFile, replaceFile } from './files.ts';
import { formatError, lineError } from './format-error.ts';
import { readLines } from './utf8.ts';

export interface WordTable {
  readonly words: readonly string[];
  /** `[words, units]` */
  readonly vectors: Float32Array;
  readonly units: number;
}

export type WordTableFormat = 'text' | 'binary';

const WORDS_PER_PIECE = 1000;

/** Throws `INVALID_DATA` for a word that the format cannot hold: an empty one, or one with white space. */
export async function writeWordTable(path: string, table: WordTable, format: WordTableFormat): Promise<void> {
  const { words, vectors, units } = table;
  const bad = words.find((word) => word === '' || /\s/u.test(word));
  if (bad !== undefined) {
    throw new GradloomError(
      'INVALID_DATA',
      `${path}: the word ${formatValue(bad)} is empty or has white space in it, which separates words from values in this format`,
    );
  }
  const encode = format === 'text' ? encodeText : encodeBinary;
  await replaceFile(path, async (handle) => {
    await handle.write(`${words.length} ${units}\n`);
    for (let first = 0; first < words.length; first += WORDS_PER_PIECE) {
      const pieces = words
        .slice(first, first + WORDS_PER_PIECE)
        .map((word, at) => encode(word, vectors.subarray((first + at) * units, (first + at + 1) * units)));
      await handle.writeFile(Buffer.concat(pieces));
    }
  });
}

function encodeText(word: string, vector: Float32Array): Buffer {
  // Nine digits tell all float32 apart.
  return Buffer.from(`${word} ${Array.from(vector, (value) => Number(value.toPrecision(9))).join(' ')}\n`);
}

function encodeBinary(word: string, vector: Float32Array): Buffer {
  const values = Buffer.alloc(vector.length * 4);
  vector.forEach((value, at) => {
    values.writeFloatLE(value, at * 4);
  });
  return Buffer.concat([Buffer.from(`${word} `), values, Buffer.from('\n')]);
}

/** Throws `FILE_NOT_FOUND`, and `FILE_FORMAT` for a file that is none, with the place where it is not. */
export function readWordTable(path: string, format: WordTableFormat): Promise<WordTable> {
  return format === 'text' ? readText(path) : readBinary(path);
}

const MOST_VALUES = 2 ** 31;

function readHeader(text: string, fail: (text: string) => GradloomError): { count: number; units: number } {
  const match = /^(\d+) (\d+)\s*$/.exec(text);
  const count = Number(match?.[1]);
  const units = Number(match?.[2]);
  if (match === null || units < 1 || count * units > MOST_VALUES) {
    throw fail(`expected the numbers of words and of values of each, got ${formatValue(text.slice(0, 80))}`);
  }
  return { count, units };
}

async function readText(path: string): Promise<WordTable> {
  const words = new Map<string, number>();
  let vectors = new Float32Array(0);
  let units = 0;
  let count = -1;
  for await (const { line, text } of readLines(path)) {
    const fail = (what: string) => lineError(path, line, what);
    if (count < 0) {
      ({ count, units } = readHeader(text, fail));
      vectors = new Float32Array(count * units);
      continue;
    }
    if (text === '') continue;
    if (words.size === count) throw fail(`expected ${count} words as the first line says, got more`);
    const [word = '', ...values] = text.trimEnd().split(' ');
    if (values.length !== units)
      throw fail(`expected a word and ${units} values, got ${values.length} values`);
    if (words.has(word)) throw fail(`the word ${formatValue(word)} has been there before`);
    for (const [at, value] of values.entries()) {
      const number = value === '' ? Number.NaN : Number(value);
      if (!Number.isFinite(number)) throw fail(`expected a finite number, got ${formatValue(value)}`);
      vectors[words.size * units + at] = number;
    }
    words.set(word, words.size);
  }
  if (words.size !== Math.max(count, 0) || count < 0) {
    throw lineError(path, words.size + 1, `expected ${Math.max(count, 0)} words, got ${words.size}`);
  }
  return { words: [...words.keys()], vectors, units };
}

async function readBinary(path: string): Promise<WordTable> {
  const bytes = Buffer.from((await readWholeFile(path)).buffer);
  const headerEnd = bytes.indexOf(10);
  const header = bytes.toString('utf8', 0, headerEnd < 0 ? Math.min(bytes.length, 80) : headerEnd);
  const { count, units } = readHeader(header, (what) => formatError(path, 0, what));
  if (count * (units * 4 + 2) > bytes.length) {
    throw formatError(path, bytes.length, `the file ends before its ${count} words of ${units} values`);
  }
  const words = new Map<string, number>();
  const vectors = new Float32Array(count * units);
  let at = headerEnd + 1;
  while (words.size < count) {
    // Some programs write no line feed behind the values.
    if (bytes[at] === 10) at++;
    const end = bytes.indexOf(32, at);
    if (end < 0 || end + 1 + units * 4 > bytes.length) {
      throw formatError(path, at, `the file ends in word ${words.size + 1} of ${count}`);
    }
    const word = bytes.toString('utf8', at, end);
    if (words.has(word)) throw formatError(path, at, `the word ${formatValue(word)} has been there before`);
    for (let i = 0; i < units; i++) vectors[words.size * units + i] = bytes.readFloatLE(end + 1 + i * 4);
    words.set(word, words.size);
    at = end + 1 + units * 4;
  }
  const wrong = vectors.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw formatError(path, 0, `value ${wrong % units} of word ${Math.floor(wrong / units)} is not finite`);
  if (bytes[at] === 10) at++;
  if (at !== bytes.length) throw formatError(path, at, `expected the end of the file behind ${count} words`);
  return { words: [...words.keys()], vectors, units };
}
