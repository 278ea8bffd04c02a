import { formatValue } from '../core/options.ts';

/**
 * Walks over JSON text value by value. `JSON.parse` would keep the last of two equal keys without a word and could
 * not say where in a file something is wrong.
 */
export class JsonCursor {
  readonly #text: string;
  readonly #fail: (position: number, text: string) => Error;
  #position = 0;

  /** `fail` makes the error for a position in `text`. */
  constructor(text: string, fail: (position: number, text: string) => Error) {
    this.#text = text;
    this.#fail = fail;
  }

  /** Where the next value or punctuation begins. */
  get position(): number {
    // Most values stand right here, and a call of the expression costs more than this look.
    if (this.#text.charCodeAt(this.#position) > 0x20) return this.#position;
    SPACE.lastIndex = this.#position;
    SPACE.test(this.#text);
    this.#position = SPACE.lastIndex;
    return this.#position;
  }

  /** An error at the given position, by default the next value's. */
  error(text: string, position: number = this.position): Error {
    return this.#fail(position, text);
  }

  /** Steps over `character` if it comes next. */
  take(character: string): boolean {
    if (this.#text[this.position] !== character) return false;
    this.#position++;
    return true;
  }

  expect(character: string, where: string): void {
    if (!this.take(character)) throw this.error(`expected "${character}" ${where}`);
  }

  expectEnd(where: string): void {
    if (this.position < this.#text.length) throw this.error(`expected nothing more ${where}`);
  }

  /** The keys of an object, each once. The caller reads a key's value before it asks for the next key. */
  *keys(where: string): Generator<string, void, undefined> {
    this.expect('{', where);
    if (this.take('}')) return;
    const seen = new Set<string>();
    do {
      const start = this.position;
      const key = this.string(where);
      if (seen.has(key)) throw this.error(`key ${formatValue(key)} stands twice ${where}`, start);
      seen.add(key);
      this.expect(':', where);
      yield key;
    } while (this.take(','));
    this.expect('}', where);
  }

  string(where: string): string {
    const start = this.position;
    if (this.#text[start] !== '"') throw this.error(`expected a string ${where}`);
    let end = start + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    this.#position = end + 1;
    const value = parseString(this.#text.slice(start, end + 1));
    if (value === undefined) throw this.error(`expected a valid JSON string ${where}`, start);
    return value;
  }

  /** An array of integers from 0 to 2^53 - 1. */
  integers(where: string): number[] {
    this.expect('[', where);
    const values: number[] = [];
    if (this.take(']')) return values;
    do values.push(this.#integer(where));
    while (this.take(','));
    this.expect(']', where);
    return values;
  }

  /** The next character that is no blank; empty at the end. */
  get next(): string {
    return this.#text.charAt(this.position);
  }

  /** A number, true, false or null. */
  word(where: string): number | boolean | null {
    const start = this.position;
    WORD.lastIndex = start;
    const [word] = WORD.exec(this.#text) ?? [];
    if (word === undefined) throw this.error(`expected a value ${where}`, start);
    this.#position = WORD.lastIndex;
    return JSON.parse(word);
  }

  /** Steps over an object or an array with all that is in it. */
  skip(where: string): void {
    const start = this.position;
    let depth = 0;
    do {
      const { next } = this;
      if (next === '"') this.string(where);
      else {
        if (next === '') throw this.error(`expected the end of the object or array ${where}`);
        if (next === '{' || next === '[') depth++;
        if (next === '}' || next === ']') depth--;
        this.#position++;
      }
    } while (depth > 0);
    try {
      JSON.parse(this.#text.slice(start, this.#position));
    } catch {
      throw this.error(`expected a valid object or array ${where}`, start);
    }
  }

  #integer(where: string): number {
    const digits = /(?:0|[1-9][0-9]{0,15})(?![0-9.eE])/y;
    digits.lastIndex = this.position;
    const match = digits.exec(this.#text);
    const value = Number(match?.[0] ?? Number.NaN);
    if (!Number.isSafeInteger(value)) throw this.error(`expected an integer from 0 to 2^53 - 1 ${where}`);
    this.#position = digits.lastIndex;
    return value;
  }
}

const WORD = /(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![0-9A-Za-z_.+-])/y;

const SPACE = /[ \t\n\r]*/y;

/**
 * The string that a JSON literal with its quotes stands for; undefined for a broken one or for half a surrogate pair.
 */
function parseString(literal: string): string | undefined {
  try {
    const value: unknown = JSON.parse(literal);
    return typeof value === 'string' && value.isWellFormed() ? value : undefined;
  } catch {
    return undefined;
  }
}
