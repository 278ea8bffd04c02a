export { type CountOptions, countVectorizer } from './count-vectorizer.ts';
export { type HashingOptions, hashingVectorizer } from './hashing-vectorizer.ts';
export { makeVectorizer } from './make-vectorizer.ts';
export { type TfidfOptions, tfidfVectorizer } from './tfidf-vectorizer.ts';
export { tokenizer } from './tokenizer.ts';
export type { TokenOptions } from './tokens.ts';
export type { TextNorm, VectorizedTexts, Vectorizer, VectorizerRecord } from './vectorizer.ts';
