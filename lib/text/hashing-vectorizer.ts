import { boolean, integer, oneOf, readOptions, withDefault } from '../core/options.ts';
import { hashText } from './murmur-hash.ts';
import { makeTokenizer, TOKEN_OPTIONS, type TokenOptions } from './tokens.ts';
import { checkTexts, compress, type TextNorm, type Vectorizer } from './vectorizer.ts';
import { recordTokens } from './vocabulary-record.ts';

export interface HashingOptions extends TokenOptions {
  /** How many features tokens are hashed to. Default: 1048576. */
  readonly features?: number;
  /** Half of the tokens count negatively, so that those that share a feature cancel out on average. Default: true. */
  readonly signed?: boolean;
  /** 1 for a token that is there, however often. Default: false. */
  readonly binary?: boolean;
  /** Each text is divided by this norm of its values. Default: `'l2'`. */
  readonly norm?: TextNorm;
}

const OPTIONS = {
  ...TOKEN_OPTIONS,
  features: withDefault(integer(1, 2 ** 31 - 1), 2 ** 20),
  signed: withDefault(boolean, true),
  binary: withDefault(boolean, false),
  norm: withDefault(oneOf('l1', 'l2', 'none'), 'l2'),
};

const LEAST = -(2 ** 31);

/**
 * Texts by their tokens' hashes, without a vocabulary: no pass over the texts first, no memory for words, and any new word has
 * its feature. scikit-learn's `HashingVectorizer`, with its numbers (MurmurHash3 of the UTF-8 text; the sign is the hash's).
 *
 * @example
 * const vectorizer = hashingVectorizer({ features: 2 ** 18, ngrams: [1, 2] });
 * const data = fromSparse({ ...vectorizer.transform(texts), labels });
 */
export function hashingVectorizer(options: HashingOptions = {}): Vectorizer {
  const settings = readOptions('hashingVectorizer', options, OPTIONS);
  const { features, signed, binary, norm } = settings;
  const tokenize = makeTokenizer(settings);
  const hash = (text: string) => {
    const values = new Map<number, number>();
    for (const token of tokenize(text)) {
      const code = hashText(token);
      // The one integer without an absolute value.
      const feature = code === LEAST ? (2 ** 31 - features) % features : Math.abs(code) % features;
      values.set(feature, (values.get(feature) ?? 0) + (signed && code < 0 ? -1 : 1));
    }
    if (binary) for (const feature of values.keys()) values.set(feature, 1);
    return values;
  };
  return Object.freeze({
    kind: 'hashing',
    inputShape: Object.freeze([features] as const),
    vocabulary: undefined,
    transform: (texts: readonly string[]) =>
      compress(features, checkTexts('transform', texts).map(hash), norm),
    toJSON: () => ({ kind: 'hashing' as const, ...recordTokens(settings) }),
  });
}
