/** From texts to numbered words. */
import { setImmediate } from 'node:timers/promises';
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { tokenizer } from '../text/tokenizer.ts';

/** Texts, which are split into words, or lists of words. Each is one text: no window reaches from one into the next. */
export type WordTexts = Iterable<string | readonly string[]> | AsyncIterable<string | readonly string[]>;

export interface Corpus {
  /** The most frequent first; of equally frequent ones that which came first. */
  readonly words: readonly string[];
  /** Occurrences of each. */
  readonly counts: Float64Array;
  /** Numbers of words, -1 behind each text. */
  readonly tokens: Int32Array;
}

export interface CorpusSettings {
  readonly minCount: number;
  readonly tokenize: ((text: string) => readonly string[]) | undefined;
  readonly signal: AbortSignal | undefined;
}

const WORDS = tokenizer({ pattern: /[\p{L}\p{M}\p{N}_]+/gu });
const MOST_TOKENS = 2 ** 31 - 1;
const TURN_MILLISECONDS = 10;

/** Reads all texts once, and lets the event loop run in between. */
export async function readCorpus(
  operation: string,
  texts: unknown,
  settings: CorpusSettings,
): Promise<Corpus> {
  if (!isTexts(texts)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: expected texts, an iterable of strings or of lists of words, got ${formatValue(texts)}`,
    );
  }
  const numbers = new Map<string, number>();
  const counts: number[] = [];
  const tokens = new TokenList(operation);
  const split = settings.tokenize ?? WORDS;
  let turn = performance.now();
  let text = 0;
  for await (const given of texts) {
    settings.signal?.throwIfAborted();
    for (const word of wordsOf(operation, given, text, split)) {
      const number = numbers.get(word) ?? numbers.size;
      if (number === numbers.size) numbers.set(word, number);
      counts[number] = (counts[number] ?? 0) + 1;
      tokens.push(number);
    }
    tokens.push(-1);
    text++;
    if (performance.now() - turn < TURN_MILLISECONDS) continue;
    await setImmediate();
    turn = performance.now();
  }
  return keepFrequent(operation, [...numbers.keys()], counts, tokens.take(), settings.minCount);
}

function isTexts(given: unknown): given is WordTexts {
  return (
    typeof given === 'object' &&
    given !== null &&
    !ArrayBuffer.isView(given) &&
    (Symbol.iterator in given || Symbol.asyncIterator in given)
  );
}

function wordsOf(
  operation: string,
  given: unknown,
  text: number,
  split: (text: string) => readonly string[],
): readonly string[] {
  const words: unknown = typeof given === 'string' ? split(given) : given;
  const isList = Array.isArray(words) && words.every((word) => typeof word === 'string');
  // `every` passes over holes.
  if (isList && !words.includes(undefined as never)) return words;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: text ${text} must be a string or a list of words, got ${formatValue(given)}`,
  );
}

/** Numbers words anew by frequency and drops those that are rarer than `minCount`. */
function keepFrequent(
  operation: string,
  words: readonly string[],
  counts: readonly number[],
  tokens: Int32Array,
  minCount: number,
): Corpus {
  const order = counts
    .flatMap((count, number) => (count >= minCount ? [number] : []))
    .sort((a, b) => (counts[b] as number) - (counts[a] as number) || a - b);
  if (order.length < 2) {
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: ${order.length} of ${words.length} words occur at least ${minCount} times; give more texts or a smaller minCount`,
    );
  }
  const places = new Int32Array(words.length).fill(-2);
  for (const [place, number] of order.entries()) places[number] = place;
  let kept = 0;
  for (const token of tokens) {
    const place = token < 0 ? -1 : (places[token] as number);
    if (place >= -1) tokens[kept++] = place;
  }
  return {
    words: order.map((number) => words[number] as string),
    counts: Float64Array.from(order, (number) => counts[number] as number),
    tokens: tokens.slice(0, kept),
  };
}

/** A list that grows, four bytes a token. */
class TokenList {
  #values = new Int32Array(1 << 16);
  #length = 0;
  readonly #operation: string;

  constructor(operation: string) {
    this.#operation = operation;
  }

  push(token: number): void {
    if (this.#length === MOST_TOKENS) {
      throw new GradloomError('INVALID_DATA', `${this.#operation}: there are more than ${MOST_TOKENS} words`);
    }
    if (this.#length === this.#values.length) {
      const grown = new Int32Array(Math.min(2 * this.#length, MOST_TOKENS));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = token;
  }

  take(): Int32Array {
    return this.#values.subarray(0, this.#length);
  }
}
