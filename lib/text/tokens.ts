/** From a text to its tokens: words or pieces of words, alone and in runs. */
import {
  boolean,
  type FieldTable,
  guardedBy,
  integer,
  listThat,
  type OptionsOf,
  oneOf,
  optional,
  withDefault,
} from '../core/options.ts';

export interface TokenOptions {
  /** Default: true. */
  readonly lowercase?: boolean;
  /** Takes accents off letters: `é` becomes `e` (the compatibility form of Unicode, without combining marks). Default: false. */
  readonly stripAccents?: boolean;
  /**
   * `'word'`: runs of at least two letters, digits or `_`, of any script; `'char'`: characters; `'charInWords'`: characters of
   * each word with a blank before and behind it, so that no run spans two words. Default: `'word'`.
   */
  readonly analyzer?: 'word' | 'char' | 'charInWords';
  /** The least and the most words or characters of a run: `[1, 2]` gives words and pairs of them. Default: `[1, 1]`. */
  readonly ngrams?: readonly [number, number];
  /** What a word is, in place of the default; all matches are words. A group, if there is one, is the word. */
  readonly pattern?: RegExp;
  /** Words that are left out before runs are made, in the case that `lowercase` leaves. Default: none. */
  readonly stopWords?: readonly string[];
}

const WORD = /[\p{L}\p{N}_]{2,}/gu;

export const TOKEN_OPTIONS = {
  lowercase: withDefault(boolean, true),
  stripAccents: withDefault(boolean, false),
  analyzer: withDefault(oneOf('word', 'char', 'charInWords'), 'word'),
  ngrams: withDefault(
    {
      expected: 'a pair [least, most] of integers from 1 on',
      read: (given) => {
        const pair = listThat('', integer(1, 100)).read(given);
        return pair?.length === 2 && (pair[0] as number) <= (pair[1] as number) ? pair : undefined;
      },
    },
    [1, 1],
  ),
  pattern: optional(guardedBy('a regular expression', (given): given is RegExp => given instanceof RegExp)),
  stopWords: withDefault(
    {
      expected: 'a list of words',
      read: (given) =>
        Array.isArray(given) && [...given].every((word) => typeof word === 'string')
          ? Object.freeze([...given])
          : undefined,
    },
    [] as readonly string[],
  ),
} satisfies FieldTable;

export type TokenSettings = OptionsOf<typeof TOKEN_OPTIONS>;

/** Splits texts as the options say; the numbers and order of tokens are scikit-learn's. */
export function makeTokenizer(options: TokenSettings): (text: string) => string[] {
  const { analyzer, ngrams } = options;
  const clean = makeCleaner(options);
  const [least = 1, most = 1] = ngrams;
  if (analyzer === 'char') {
    return (text) => charRuns(Array.from(clean(text).replace(/\s\s+/gu, ' ')), least, most);
  }
  if (analyzer === 'charInWords') {
    return (text) =>
      words(clean(text), /\S+/gu).flatMap((word) => runsInWord(Array.from(` ${word} `), least, most));
  }
  const pattern = options.pattern === undefined ? WORD : withFlag(options.pattern);
  const stopWords = new Set(options.stopWords);
  return (text) => {
    const all = words(clean(text), pattern);
    return wordRuns(stopWords.size === 0 ? all : all.filter((word) => !stopWords.has(word)), least, most);
  };
}

/** The words of which tokens are runs; undefined where tokens are others, or words of an own pattern, which may hold blanks. */
export function makeWordReader(options: TokenSettings): ((text: string) => readonly string[]) | undefined {
  if (options.analyzer !== 'word' || options.pattern !== undefined) return undefined;
  const clean = makeCleaner(options);
  const stopWords = new Set(options.stopWords);
  return (text) => {
    const all = clean(text).match(WORD) ?? [];
    return stopWords.size === 0 ? all : all.filter((word) => !stopWords.has(word));
  };
}

function makeCleaner({ lowercase, stripAccents }: TokenSettings): (text: string) => string {
  return (text) => {
    const cased = lowercase ? text.toLowerCase() : text;
    return stripAccents ? cased.normalize('NFKD').replace(/\p{M}/gu, '') : cased;
  };
}

function withFlag(pattern: RegExp): RegExp {
  return pattern.global ? pattern : new RegExp(pattern.source, `${pattern.flags}g`);
}

function words(text: string, pattern: RegExp): string[] {
  return Array.from(text.matchAll(pattern), (match) => match[1] ?? match[0]);
}

function wordRuns(words: readonly string[], least: number, most: number): string[] {
  const runs: string[] = [];
  for (let length = least; length <= most; length++) {
    for (let start = 0; start + length <= words.length; start++) {
      let run = words[start] as string;
      for (let i = start + 1; i < start + length; i++) run += ` ${words[i]}`;
      runs.push(run);
    }
  }
  return runs;
}

function charRuns(chars: readonly string[], least: number, most: number): string[] {
  const runs: string[] = [];
  for (let length = least; length <= most; length++) {
    for (let start = 0; start + length <= chars.length; start++) {
      runs.push(chars.slice(start, start + length).join(''));
    }
  }
  return runs;
}

/** A word shorter than a run counts as one run, once. */
function runsInWord(chars: readonly string[], least: number, most: number): string[] {
  const runs: string[] = [];
  for (let length = least; length <= most; length++) {
    for (let start = 0; start === 0 || start + length <= chars.length; start++) {
      runs.push(chars.slice(start, start + length).join(''));
    }
    if (length >= chars.length) break;
  }
  return runs;
}
