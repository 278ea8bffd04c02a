import { GradloomError } from '../core/errors.ts';
import { boolean, integer, numberThat, optional, readOptions, withDefault } from '../core/options.ts';
import { makeTokenNumbers } from './token-numbers.ts';
import { TOKEN_OPTIONS, type TokenOptions } from './tokens.ts';
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
  const numbers = makeTokenNumbers(settings);
  // By number: how often, in how many texts, and one more than the place of the last of these.
  let [totals, documents, last] = [new Uint32Array(0), new Uint32Array(0), new Uint32Array(0)];
  for (const [place, text] of texts.entries()) {
    const tokens = numbers.read(text);
    if (numbers.count > totals.length) {
      [totals, documents, last] = [
        grown(totals, numbers.count),
        grown(documents, numbers.count),
        grown(last, numbers.count),
      ];
    }
    for (const token of tokens) {
      totals[token] = (totals[token] as number) + 1;
      if (last[token] === place + 1) continue;
      last[token] = place + 1;
      documents[token] = (documents[token] as number) + 1;
    }
  }
  const most = settings.maxShare * texts.length;
  let kept: Candidate[] = [];
  let found = 0;
  for (let token = 0; token < numbers.count; token++) {
    const within = documents[token] as number;
    if (within > 0) found++;
    if (within < settings.minDocuments || within > most) continue;
    kept.push([numbers.textOf(token), { documents: within, total: totals[token] as number }]);
  }
  if (settings.maxFeatures !== undefined && kept.length > settings.maxFeatures) {
    kept = kept
      .sort(([a, { total: m }], [b, { total: n }]) => n - m || compare(a, b))
      .slice(0, settings.maxFeatures);
  }
  if (kept.length === 0) {
    const why =
      found === 0 ? 'hold no token' : `hold ${found} tokens, none of which minDocuments and maxShare keep`;
    throw new GradloomError('INVALID_DATA', `${operation}: the ${texts.length} texts ${why}`);
  }
  kept.sort(([a], [b]) => compare(a, b));
  return {
    tokens: Object.freeze(kept.map(([token]) => token)),
    documents: kept.map(([, { documents }]) => documents),
    texts: texts.length,
  };
}

type Candidate = [token: string, { readonly documents: number; readonly total: number }];

/** With room to spare. */
function grown(counts: Uint32Array, least: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(1024, 2 * least));
  larger.set(counts);
  return larger;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How often each token of a vocabulary stands in a text. */
export function makeCounter(
  settings: Settings,
  tokens: readonly string[],
): (text: string) => Map<number, number> {
  const numbers = makeTokenNumbers(settings);
  const known = tokens.map((token) => numbers.add(token));
  const features = new Int32Array(numbers.count).fill(-1);
  for (const [feature, number] of known.entries()) features[number] = feature;
  return (text) => {
    const counts = new Map<number, number>();
    for (const token of numbers.find(text)) {
      const feature = token < 0 ? -1 : (features[token] as number);
      if (feature >= 0) counts.set(feature, settings.binary ? 1 : (counts.get(feature) ?? 0) + 1);
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
