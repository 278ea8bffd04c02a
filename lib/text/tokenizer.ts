import { guardedBy, readOptions, readValue } from '../core/options.ts';
import { makeTokenizer, TOKEN_OPTIONS, type TokenOptions } from './tokens.ts';

const anyText = guardedBy('a string', (given): given is string => typeof given === 'string');

/**
 * What splits a text into its tokens, as the vectorizers do with the same options.
 *
 * @example
 * const split = tokenizer({ ngrams: [1, 2] });
 * split('Not a bad film'); // ['not', 'bad', 'film', 'not bad', 'bad film']
 */
export function tokenizer(options: TokenOptions = {}): (text: string) => string[] {
  const split = makeTokenizer(readOptions('tokenizer', options, TOKEN_OPTIONS));
  return (text) => split(readValue('tokenizer', 'text', text, anyText));
}
