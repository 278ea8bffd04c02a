import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { countWith, readCountOptions } from './count-vectorizer.ts';
import { hashingVectorizer } from './hashing-vectorizer.ts';
import { readTfidfOptions, tfidfWith } from './tfidf-vectorizer.ts';
import type { Vectorizer } from './vectorizer.ts';
import { readRecordedOptions } from './vocabulary-record.ts';

/**
 * The vectorizer that `JSON.stringify` or `toJSON` wrote, with its vocabulary and weights.
 *
 * @example
 * const again = makeVectorizer(JSON.parse(JSON.stringify(vectorizer)));
 *
 * Throws `INVALID_DATA` for anything else.
 */
export function makeVectorizer(record: unknown): Vectorizer {
  const { kind, options, tokens, weights } = (record ?? {}) as Readonly<Record<string, unknown>>;
  const isObject = typeof options === 'object' && options !== null;
  const hasTokens =
    Array.isArray(tokens) && tokens.length > 0 && [...tokens].every((token) => typeof token === 'string');
  if (isObject) {
    const settings = readRecordedOptions(options);
    if (kind === 'hashing') return hashingVectorizer(settings);
    if (kind === 'count' && hasTokens) return countWith(readCountOptions('makeVectorizer', settings), tokens);
    const isWeighted =
      hasTokens &&
      Array.isArray(weights) &&
      weights.length === tokens.length &&
      weights.every(Number.isFinite);
    if (kind === 'tfidf' && isWeighted) {
      return tfidfWith(readTfidfOptions('makeVectorizer', settings), tokens, weights);
    }
  }
  throw new GradloomError(
    'INVALID_DATA',
    `makeVectorizer: expected what a vectorizer's toJSON gives, got ${formatValue(record)}`,
  );
}
