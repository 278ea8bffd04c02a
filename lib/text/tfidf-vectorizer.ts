import { boolean, oneOf, readOptions, withDefault } from '../core/options.ts';
import { COUNT_OPTIONS, type CountOptions, findVocabulary, makeCounter } from './count-vectorizer.ts';
import { checkTexts, compress, type TextNorm, type Vectorizer } from './vectorizer.ts';
import { recordTokens } from './vocabulary-record.ts';

export interface TfidfOptions extends CountOptions {
  /** Each text is divided by this norm of its values. Default: `'l2'`. */
  readonly norm?: TextNorm;
  /** Whether rare tokens weigh more. Default: true. */
  readonly idf?: boolean;
  /** As if one more text had every token, so that no weight is infinite. Default: true. */
  readonly smooth?: boolean;
  /** `1 + ln(count)` in place of the count. Default: false. */
  readonly sublinear?: boolean;
}

/** Of `TfidfOptions`. */
export const TFIDF_OPTIONS = {
  ...COUNT_OPTIONS,
  norm: withDefault(oneOf('l1', 'l2', 'none'), 'l2'),
  idf: withDefault(boolean, true),
  smooth: withDefault(boolean, true),
  sublinear: withDefault(boolean, false),
};

type Settings = ReturnType<typeof readTfidfOptions>;

export function readTfidfOptions(operation: string, options: TfidfOptions) {
  return readOptions(operation, options, TFIDF_OPTIONS);
}

/**
 * Counts of tokens, each times how rare it is: `count * (ln((1 + n) / (1 + d)) + 1)` for a token that `d` of the `n` given texts
 * have, each text divided by its norm: scikit-learn's `TfidfVectorizer`, with its numbers.
 *
 * @example
 * const vectorizer = tfidfVectorizer(texts, { minDocuments: 2, sublinear: true });
 * const data = fromSparse({ ...vectorizer.transform(texts), labels });
 *
 * Throws `INVALID_DATA` when no token is left.
 */
export function tfidfVectorizer(texts: readonly string[], options: TfidfOptions = {}): Vectorizer {
  const settings = readTfidfOptions('tfidfVectorizer', options);
  const found = findVocabulary('tfidfVectorizer', checkTexts('tfidfVectorizer', texts), settings);
  const added = settings.smooth ? 1 : 0;
  const weights = found.documents.map((documents) =>
    settings.idf ? Math.log((found.texts + added) / (documents + added)) + 1 : 1,
  );
  return tfidfWith(settings, found.tokens, weights);
}

export function tfidfWith(
  settings: Settings,
  tokens: readonly string[],
  weights: readonly number[],
): Vectorizer {
  const count = makeCounter(settings, tokens);
  const weigh = (text: string) => {
    const counts = count(text);
    for (const [feature, times] of counts) {
      counts.set(feature, (settings.sublinear ? 1 + Math.log(times) : times) * (weights[feature] as number));
    }
    return counts;
  };
  return Object.freeze({
    kind: 'tfidf',
    inputShape: Object.freeze([tokens.length] as const),
    vocabulary: tokens,
    transform: (texts: readonly string[]) =>
      compress(tokens.length, checkTexts('transform', texts).map(weigh), settings.norm),
    toJSON: () => ({ kind: 'tfidf' as const, ...recordTokens(settings), tokens, weights }),
  });
}
