/** The part of the addon's surface that trains word vectors, which are no network. */
import type { NativeSparseInputs } from './samples.ts';
import type { Spec } from './spec.ts';

export interface NativeGloveSpec {
  /** V */
  readonly vocabulary: number;
  /** D */
  readonly units: number;
  readonly rule: 'paper' | 'stanford';
  readonly learningRate: number;
  readonly xMax: number;
  readonly alpha: number;
  readonly initialAccumulator: number;
  /** `'given'`: all cells in order, on one thread. */
  readonly order: 'shuffled' | 'given';
  readonly seed: number;
  readonly threads: number;
}

/** Cell `k`: word `words[k]` was seen `counts[k]` times with `contexts[k]`. */
export interface NativeCooccurrences {
  readonly words: Uint32Array;
  readonly contexts: Uint32Array;
  readonly counts: Float32Array;
}

export interface NativeCounting {
  /** Ascending by word, then context; none when it was stopped. */
  readonly result: Promise<NativeCooccurrences>;
  readonly stop: () => void;
}

export interface NativeGlove {
  /** A pass over all cells, on a thread of its own; the mean cost of a cell. */
  trainEpoch(): Promise<number>;
  /** Ends the epoch that is under way, which resolves with what was done. */
  stop(): void;
  /** `[2 V, D + 1]`: of the words, then of the contexts, each a vector and a bias. Not while an epoch is under way. */
  getWeights(): Float32Array;
  getAccumulators(): Float32Array;
  setWeights(weights: Float32Array): void;
}

export interface NativeWordTrainerSpec {
  readonly corpus: {
    /** Words, and -1 between two texts. */
    readonly tokens: Int32Array;
    /** The probability of an occurrence of each word to stay. */
    readonly keep: Float32Array;
    /** The weight of each word among the negatives. */
    readonly noise: Float64Array;
    /** Rows of the input table that make up each word; absent: row `w` alone. */
    readonly pieces?: NativeSparseInputs | undefined;
    readonly model: 'skipGram' | 'cbow';
    readonly window: number;
  };
  readonly inputRows: number;
  readonly units: number;
  readonly negatives: number;
  /** Pairs. */
  readonly batchSize: number;
  readonly optimizer: Spec;
  readonly seed: number;
  readonly threads: number;
}

export interface NativeWordWeights {
  /** `[inputRows, units]` */
  readonly input: Float32Array;
  /** `[V, units]` */
  readonly output: Float32Array;
}

export interface NativeWordTrainer {
  /** A pass over all texts, on a thread of its own; the mean loss of a pair. */
  trainEpoch(): Promise<{ readonly loss: number; readonly pairs: number }>;
  /** Ends the epoch that is under way, which resolves with what was done. */
  stop(): void;
  /**
   * Steps of `batchSize` pairs on pairs given: a row of the input table each, and `1 + negatives` rows of the output table. The loss,
   * summed over pairs.
   */
  trainPairs(inputs: Uint32Array, targets: Uint32Array): number;
  /** Not while an epoch is under way. */
  getWeights(): NativeWordWeights;
  setWeights(weights: NativeWordWeights): void;
}

export interface NativeWordVectors {
  /** On a thread of its own. Tokens are words, and -1 between two texts. */
  countCooccurrences(
    tokens: Int32Array,
    options: {
      readonly vocabulary: number;
      readonly window: number;
      readonly weighting: 'inverseDistance' | 'equal';
      readonly context: 'symmetric' | 'left';
      /** Bytes; what does not fit goes to temporary files. */
      readonly memory: number;
    },
  ): NativeCounting;
  readonly Glove: new (spec: NativeGloveSpec, cells: NativeCooccurrences) => NativeGlove;
  readonly WordTrainer: new (spec: NativeWordTrainerSpec) => NativeWordTrainer;
}
