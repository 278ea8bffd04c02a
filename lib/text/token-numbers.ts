/** Tokens by number: where tokens are runs of words, a run is found by the numbers of its parts, and no text is joined. */
import { makeTokenizer, makeWordReader, type TokenSettings } from './tokens.ts';

export interface TokenNumbers {
  /** Numbers from 0 given so far. Those of parts of runs are among them, also where these are no tokens. */
  readonly count: number;
  /** The tokens of a text in order, as `tokenizer` gives them; new ones get the next numbers. */
  read(text: string): readonly number[];
  /** The same, with -1 for tokens that have no number. */
  find(text: string): readonly number[];
  /** The number of one token, which gets one if it has none. */
  add(token: string): number;
  textOf(number: number): string;
}

export function makeTokenNumbers(settings: TokenSettings): TokenNumbers {
  const readWords = makeWordReader(settings);
  return readWords === undefined
    ? new WholeTokens(makeTokenizer(settings))
    : new WordRuns(readWords, settings.ngrams as readonly [number, number]);
}

class WholeTokens implements TokenNumbers {
  readonly #tokenize: (text: string) => string[];
  readonly #numbers = new Map<string, number>();
  readonly #tokens: string[] = [];

  constructor(tokenize: (text: string) => string[]) {
    this.#tokenize = tokenize;
  }

  get count(): number {
    return this.#tokens.length;
  }

  read(text: string): readonly number[] {
    return this.#tokenize(text).map((token) => this.add(token));
  }

  find(text: string): readonly number[] {
    return this.#tokenize(text).map((token) => this.#numbers.get(token) ?? -1);
  }

  add(token: string): number {
    const known = this.#numbers.get(token);
    if (known !== undefined) return known;
    this.#numbers.set(token, this.#tokens.length);
    return this.#tokens.push(token) - 1;
  }

  textOf(number: number): string {
    return this.#tokens[number] as string;
  }
}

const FIRST_SLOTS = 2 ** 10;

/** Words hold no blanks, so that a run's text has one way to be split. */
class WordRuns implements TokenNumbers {
  readonly #readWords: (text: string) => readonly string[];
  readonly #least: number;
  readonly #most: number;
  readonly #words = new Map<string, number>();
  /** Of a run its text where it is a word, the number of the run before its last word, and that of its last word. */
  readonly #texts: (string | undefined)[] = [];
  readonly #heads: number[] = [];
  readonly #tails: number[] = [];
  /** Open addressing by head and tail: the number of a run of at least two words and one, or 0. */
  #slots = new Int32Array(FIRST_SLOTS);
  #runs = 0;

  constructor(
    readWords: (text: string) => readonly string[],
    [least, most]: readonly [least: number, most: number],
  ) {
    this.#readWords = readWords;
    this.#least = least;
    this.#most = most;
  }

  get count(): number {
    return this.#texts.length;
  }

  read(text: string): readonly number[] {
    const words = this.#readWords(text).map((word) => this.#addWord(word));
    return this.#runsOf(words, (head, tail) => this.#addRun(head, tail));
  }

  find(text: string): readonly number[] {
    const words = this.#readWords(text).map((word) => this.#words.get(word) ?? -1);
    return this.#runsOf(words, (head, tail) =>
      head < 0 || tail < 0 ? -1 : (this.#slots[this.#slotOf(head, tail)] as number) - 1,
    );
  }

  add(token: string): number {
    const [first = '', ...others] = token.split(' ');
    return others.reduce((head, word) => this.#addRun(head, this.#addWord(word)), this.#addWord(first));
  }

  textOf(number: number): string {
    const word = this.#texts[number];
    if (word !== undefined) return word;
    return `${this.textOf(this.#heads[number] as number)} ${this.textOf(this.#tails[number] as number)}`;
  }

  /** All runs of the least length, then all of the next one, and so on; each is the one before it and a word. */
  #runsOf(words: readonly number[], join: (head: number, tail: number) => number): readonly number[] {
    if (this.#most === 1) return words;
    const all = this.#least === 1 ? words.slice() : [];
    const heads = words.slice();
    for (let length = 2; length <= Math.min(this.#most, words.length); length++) {
      for (let start = 0; start + length <= words.length; start++) {
        const run = join(heads[start] as number, words[start + length - 1] as number);
        heads[start] = run;
        if (length >= this.#least) all.push(run);
      }
    }
    return all;
  }

  #addWord(word: string): number {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    this.#words.set(word, this.count);
    return this.#append(word, -1, -1);
  }

  #addRun(head: number, tail: number): number {
    const slot = this.#slotOf(head, tail);
    const known = this.#slots[slot] as number;
    if (known > 0) return known - 1;
    const number = this.#append(undefined, head, tail);
    this.#slots[slot] = number + 1;
    if (++this.#runs * 2 > this.#slots.length) this.#grow();
    return number;
  }

  #append(text: string | undefined, head: number, tail: number): number {
    this.#heads.push(head);
    this.#tails.push(tail);
    return this.#texts.push(text) - 1;
  }

  /** That of the run, or the empty one where it would be. */
  #slotOf(head: number, tail: number): number {
    const mask = this.#slots.length - 1;
    const mixed = Math.imul(head ^ Math.imul(tail, 0x9e3779b1), 0x85ebca6b);
    for (let slot = (mixed ^ (mixed >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const number = (this.#slots[slot] as number) - 1;
      if (number < 0 || (this.#heads[number] === head && this.#tails[number] === tail)) return slot;
    }
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (const [number, head] of this.#heads.entries()) {
      if (head >= 0) this.#slots[this.#slotOf(head, this.#tails[number] as number)] = number + 1;
    }
  }
}
