export type { WordTableFormat } from '../formats/word2vec.ts';
export type { WordTexts } from './corpus.ts';
export type { CommonWordOptions, WordEpoch } from './epochs.ts';
export { type GloveOptions, glove } from './glove.ts';
export type { Subwords, WordPieces } from './pieces.ts';
export {
  type Analogy,
  loadWordVectors,
  type MostSimilarOptions,
  type SimilarWord,
  type WordFileOptions,
  WordVectors,
} from './word-vectors.ts';
export { type Word2vecOptions, word2vec } from './word2vec.ts';
