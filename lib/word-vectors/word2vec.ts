/** Skip-gram and CBOW with negative sampling, with or without pieces of words. */
import { callNative } from '../core/errors.ts';
import {
  extent,
  integer,
  nonNegative,
  oneOf,
  optional,
  pairOf,
  readOptions,
  withDefault,
} from '../core/options.ts';
import { native } from '../native/index.ts';
import { adagrad } from '../optimizers/index.ts';
import { toNativeOptimizer } from '../optimizers/optimizer.ts';
import { readCorpus, type WordTexts } from './corpus.ts';
import { COMMON_OPTIONS, type CommonWordOptions, epochCount, runEpochs, windowSize } from './epochs.ts';
import { makePieceTable, meanOfRows, type Subwords, WordPieces } from './pieces.ts';
import { WordVectors } from './word-vectors.ts';

export interface Word2vecOptions extends CommonWordOptions {
  /**
   * `'skipGram'`: a word predicts each word around it, better for rare words; `'cbow'`: the mean of the words around predicts
   * the word, several times faster. Default: `'skipGram'`.
   */
  readonly model?: 'skipGram' | 'cbow';
  /** Words drawn at random, by count to the power of 0.75, against each that was seen. Default: 5. */
  readonly negatives?: number;
  /**
   * Occurrences of words of a frequency f above this stay with the probability sqrt(t / f) + t / f only, drawn anew in each epoch; 0: all
   * stay. Default: 1e-3.
   */
  readonly subsample?: number;
  /**
   * Pairs of a step. Gradients of a step are those at its beginning; more of them keep more threads busy, fewer, with
   * a higher rate, answered more analogies on a small text. Default: 1024.
   */
  readonly batchSize?: number;
  /** Vectors of words are made of those of their pieces, as in fastText. Default: not. */
  readonly subwords?: Subwords | undefined;
}

const SUBWORD_OPTIONS = {
  ngrams: withDefault(pairOf(integer(1, 100)), [3, 6]),
  buckets: withDefault(integer(1, 2 ** 31 - 1), 2_000_000),
};

const OPTIONS = {
  ...COMMON_OPTIONS,
  window: withDefault(windowSize, 5),
  epochs: withDefault(epochCount, 5),
  model: withDefault(oneOf('skipGram', 'cbow'), 'skipGram'),
  negatives: withDefault(integer(1, 1000), 5),
  subsample: withDefault(nonNegative, 1e-3),
  batchSize: withDefault(extent, 1024),
  subwords: optional({
    expected: 'options such as { ngrams: [3, 6] }',
    read: (given) =>
      typeof given === 'object' && given !== null
        ? readOptions('word2vec: subwords', given, SUBWORD_OPTIONS)
        : undefined,
  }),
};

/**
 * Vectors of the words of some texts, by skip-gram or CBOW with negative sampling (T. Mikolov et al., 2013), trained by
 * AdaGrad on a thread of its own. The texts are read once; their words are kept as numbers, four bytes each.
 *
 * Throws `INVALID_OPTION`, `INVALID_DATA` for texts with fewer than two words that are frequent enough, and `NOT_FINITE`
 * when the learning rate is much too large.
 *
 * @example
 * const vectors = await word2vec(['the king and the queen', 'a king is a man'], { minCount: 1, units: 10 });
 * vectors.mostSimilar('king');
 */
export async function word2vec(texts: WordTexts, options: Word2vecOptions = {}): Promise<WordVectors> {
  const settings = readOptions('word2vec', options, OPTIONS);
  const { words, counts, tokens } = await readCorpus('word2vec', texts, settings);
  const { subwords, units, learningRate } = settings;
  const pieces = subwords && makePieceTable(words, subwords);
  const trainer = callNative(
    () =>
      new native.WordTrainer({
        corpus: {
          tokens,
          keep: keepProbabilities(counts, settings.subsample),
          noise: counts.map((count) => count ** 0.75),
          pieces: pieces?.rows,
          model: settings.model,
          window: settings.window,
        },
        inputRows: pieces?.rowCount ?? words.length,
        units,
        negatives: settings.negatives,
        batchSize: settings.batchSize,
        optimizer: toNativeOptimizer(adagrad({ learningRate })),
        seed: settings.seed,
        threads: settings.threads,
      }),
  );
  const epochs = {
    trainEpoch: async () => (await trainer.trainEpoch()).loss,
    stop: () => trainer.stop(),
  };
  await runEpochs(epochs, settings);
  const { input } = trainer.getWeights();
  if (subwords === undefined || pieces === undefined) return new WordVectors(words, input);
  const vectors = new Float32Array(words.length * units);
  const { offsets, indices } = pieces.rows;
  for (let place = 0; place < words.length; place++) {
    const rows = indices.subarray(offsets[place], offsets[place + 1]);
    vectors.set(meanOfRows(input, units, rows), place * units);
  }
  return new WordVectors(words, vectors, new WordPieces(subwords, pieces, input));
}

/** Of an occurrence of each word to stay; as in the word2vec program. */
function keepProbabilities(counts: Float64Array, threshold: number): Float32Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(counts, (count) => {
    const ratio = (threshold * total) / count;
    return threshold === 0 ? 1 : Math.min(1, Math.sqrt(ratio) + ratio);
  });
}
