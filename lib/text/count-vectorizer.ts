import { GradloomError } from '../core/errors.ts';
import { boolean, integer, numberThat, optional, readOptions, withDefault } from '../core/options.ts';
import { makeTokenizer, TOKEN_OPTIONS, type TokenOptions } from './tokens.ts';
import { checkTexts, compress, type Vectorizer } from './vectorizer.ts';
import { recordTokens } from './vocabulary-record.ts';

export interface CountOptions extends TokenOptions {
  /** Tokens that fewer texts have are left out. Default: 1. */
  readonly minDocuments?: number;
  /** Tokens that more than this share of the texts have are left out. Default: 1. */
  readonly maxShare?: number;
  /** At most so many tokens: those that stand most often. Default: all. */
  readonly maxFeatures?: number;
  /** 1 for a token that is there, however often. Default: false. */
  readonly binary?: boolean;
}

export const COUNT_OPTIONS = {
  ...TOKEN_OPTIONS,
  minDocuments: withDefault(integer(1), 1),
  maxShare: withDefault(
    numberThat('a number above 0 and up to 1', (share) => share > 0 && share <= 1),
    1,
  ),
  maxFeatures: optional(integer(1)),
  binary: withDefault(boolean, false),
};

/** What was found in the texts that a vectorizer was made from. */
export interface Vocabulary {
  /** Sorted by code units, as scikit-learn sorts ASCII. */
  readonly tokens: readonly string[];
  /** Of each token the number of texts that have it. */
  readonly documents: readonly number[];
  /** Texts in all. */
  readonly texts: number;
}

type Settings = ReturnType<typeof readCountOptions>;

export function readCountOptions(operation: string, options: CountOptions) {
  return readOptions(operation, options, COUNT_OPTIONS);
}

export function findVocabulary(operation: string, texts: readonly string[], settings: Settings): Vocabulary {
  const tokenize = makeTokenizer(settings);
  const found = new Map<string, { documents: number; total: number; last: number }>();
  for (const [place, text] of texts.entries()) {
    for (const token of tokenize(text)) {
      let entry = found.get(token);
      if (entry === undefined) {
        entry = { documents: 0, total: 0, last: -1 };
        found.set(token, entry);
      }
      entry.total++;
      if (entry.last !== place) entry.documents++;
      entry.last = place;
    }
  }
  const most = settings.maxShare * texts.length;
  let kept = [...found].filter(
    ([, { documents }]) => documents >= settings.minDocuments && documents <= most,
  );
  if (settings.maxFeatures !== undefined && kept.length > settings.maxFeatures) {
    kept = kept
      .sort(([a, { total: m }], [b, { total: n }]) => n - m || compare(a, b))
      .slice(0, settings.maxFeatures);
  }
  if (kept.length === 0) {
    const why =
      found.size === 0
        ? 'hold no token'
        : `hold ${found.size} tokens, none of which minDocuments and maxShare keep`;
    throw new GradloomError('INVALID_DATA', `${operation}: the ${texts.length} texts ${why}`);
  }
  kept.sort(([a], [b]) => compare(a, b));
  return {
    tokens: Object.freeze(kept.map(([token]) => token)),
    documents: kept.map(([, { documents }]) => documents),
    texts: texts.length,
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How often each token of a vocabulary stands in a text. */
export function makeCounter(
  settings: Settings,
  tokens: readonly string[],
): (text: string) => Map<number, number> {
  const tokenize = makeTokenizer(settings);
  const features = new Map(tokens.map((token, feature) => [token, feature]));
  return (text) => {
    const counts = new Map<number, number>();
    for (const token of tokenize(text)) {
      const feature = features.get(token);
      if (feature !== undefined) counts.set(feature, settings.binary ? 1 : (counts.get(feature) ?? 0) + 1);
    }
    return counts;
  };
}

/**
 * Texts by how often they have each token of the given ones: scikit-learn's `CountVectorizer`, with its numbers.
 *
 * @example
 * const vectorizer = countVectorizer(texts, { ngrams: [1, 2], minDocuments: 2 });
 * const data = fromSparse({ ...vectorizer.transform(texts), labels });
 *
 * Throws `INVALID_DATA` when no token is left.
 */
export function countVectorizer(texts: readonly string[], options: CountOptions = {}): Vectorizer {
  const settings = readCountOptions('countVectorizer', options);
  const { tokens } = findVocabulary('countVectorizer', checkTexts('countVectorizer', texts), settings);
  return countWith(settings, tokens);
}

export function countWith(settings: Settings, tokens: readonly string[]): Vectorizer {
  const count = makeCounter(settings, tokens);
  const inputShape = Object.freeze([tokens.length] as const);
  return Object.freeze({
    kind: 'count',
    inputShape,
    vocabulary: tokens,
    transform: (texts: readonly string[]) =>
      compress(tokens.length, checkTexts('transform', texts).map(count), 'none'),
    toJSON: () => ({ kind: 'count' as const, ...recordTokens(settings), tokens }),
  });
}
