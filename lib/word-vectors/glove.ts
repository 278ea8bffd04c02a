/** GloVe: co-occurrences counted, then factored. */
import { callNative } from '../core/errors.ts';
import { integer, oneOf, positive, readOptions, withDefault } from '../core/options.ts';
import { native } from '../native/index.ts';
import { readCorpus, type WordTexts } from './corpus.ts';
import {
  COMMON_OPTIONS,
  type CommonWordOptions,
  epochCount,
  runEpochs,
  untilAborted,
  windowSize,
} from './epochs.ts';
import { WordVectors } from './word-vectors.ts';

export interface GloveOptions extends CommonWordOptions {
  /** Two words at a distance d count 1 / d (`'inverseDistance'`) or 1 (`'equal'`). Default: `'inverseDistance'`. */
  readonly weighting?: 'inverseDistance' | 'equal';
  /** `'symmetric'`: words on both sides; `'left'`: words before a word only. Default: `'symmetric'`. */
  readonly context?: 'symmetric' | 'left';
  /** Cells below this count less, by (count / xMax) ** alpha. Default: 100. */
  readonly xMax?: number;
  /** Default: 0.75. */
  readonly alpha?: number;
  /**
   * `'paper'`: AdaGrad on all values; `'stanford'`: as the authors' program, which divides by the sum before a gradient is added,
   * bounds gradients, and moves biases without a rate. Default: `'paper'`.
   */
  readonly rule?: 'paper' | 'stanford';
  /**
   * Bytes in which co-occurrences are counted; what does not fit is sorted into temporary files and merged. The cells themselves take
   * 28 bytes each in training. Default: 2 ** 30.
   */
  readonly countingMemory?: number;
}

const OPTIONS = {
  ...COMMON_OPTIONS,
  window: withDefault(windowSize, 10),
  epochs: withDefault(epochCount, 25),
  weighting: withDefault(oneOf('inverseDistance', 'equal'), 'inverseDistance'),
  context: withDefault(oneOf('symmetric', 'left'), 'symmetric'),
  xMax: withDefault(positive, 100),
  alpha: withDefault(positive, 0.75),
  rule: withDefault(oneOf('paper', 'stanford'), 'paper'),
  countingMemory: withDefault(integer(2 ** 16), 2 ** 30),
};

/**
 * Vectors of the words of some texts by GloVe (J. Pennington et al., 2014): weighted least squares on the logarithms of
 * how often words stand near each other, by AdaGrad, on a thread of its own. A vector is the sum of the word's as a word
 * and as a context.
 *
 * Throws `INVALID_OPTION`, `INVALID_DATA` for texts with fewer than two words that are frequent enough, and `NOT_FINITE`
 * when the learning rate is much too large.
 *
 * @example
 * const vectors = await glove(['the king and the queen', 'a king is a man'], { minCount: 1, units: 10 });
 * vectors.mostSimilar('king');
 */
export async function glove(texts: WordTexts, options: GloveOptions = {}): Promise<WordVectors> {
  const settings = readOptions('glove', options, OPTIONS);
  const { words, tokens } = await readCorpus('glove', texts, settings);
  const { units, signal } = settings;
  signal?.throwIfAborted();
  const counting = callNative(() =>
    native.countCooccurrences(tokens, {
      vocabulary: words.length,
      window: settings.window,
      weighting: settings.weighting,
      context: settings.context,
      memory: settings.countingMemory,
    }),
  );
  const cells = await untilAborted(signal, counting.stop, () => counting.result);
  const trainer = callNative(
    () =>
      new native.Glove(
        {
          vocabulary: words.length,
          units,
          rule: settings.rule,
          learningRate: settings.learningRate,
          xMax: settings.xMax,
          alpha: settings.alpha,
          initialAccumulator: 1,
          order: 'shuffled',
          seed: settings.seed,
          threads: settings.threads,
        },
        cells,
      ),
  );
  await runEpochs(trainer, settings);
  return new WordVectors(words, sumOfBoth(trainer.getWeights(), words.length, units));
}

/** Rows of the words and of the contexts, without their biases. */
function sumOfBoth(weights: Float32Array, words: number, units: number): Float32Array {
  const vectors = new Float32Array(words * units);
  const contexts = words * (units + 1);
  for (let word = 0; word < words; word++) {
    for (let i = 0; i < units; i++) {
      const at = word * (units + 1) + i;
      vectors[word * units + i] = (weights[at] as number) + (weights[contexts + at] as number);
    }
  }
  return vectors;
}
