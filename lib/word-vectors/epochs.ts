/** What the trainings of word vectors share: options, and epochs that can be watched and ended. */
import { awaitNative } from '../core/errors.ts';
import {
  type FieldTable,
  guardedBy,
  integer,
  optional,
  positive,
  seed,
  threads,
  withDefault,
} from '../core/options.ts';
import { isAbortSignal } from '../trainers/run/fit-options.ts';

export interface WordEpoch {
  /** From 1. */
  readonly epoch: number;
  /** The mean over the epoch: of a pair, or of GloVe's cost of a cell. */
  readonly loss: number;
}

export interface CommonWordOptions {
  /** Values of a vector. Default: 100. */
  readonly units?: number;
  /** Words around a word that count as near, on each side. Default: 5; 10 for `glove`. */
  readonly window?: number;
  /** Rarer words are left out as if they were not there. Default: 5. */
  readonly minCount?: number;
  /** Splits a string into words. Default: `tokenizer` with words of one letter on. */
  readonly tokenize?: (text: string) => readonly string[];
  /** Of AdaGrad. Default: 0.05. */
  readonly learningRate?: number;
  /** Default: 5; 25 for `glove`. */
  readonly epochs?: number;
  /** Default: 0. The same seed gives the same bits for any number of threads. */
  readonly seed?: number;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
  /** Ends the training soon after it is aborted; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each epoch; what it returns is awaited. */
  readonly onEpoch?: ((epoch: WordEpoch) => unknown) | undefined;
}

const aFunction = <Type>() => guardedBy('a function', (given): given is Type => typeof given === 'function');

export const COMMON_OPTIONS = {
  units: withDefault(integer(1, 2 ** 16), 100),
  minCount: withDefault(integer(1), 5),
  tokenize: optional(aFunction<(text: string) => readonly string[]>()),
  learningRate: withDefault(positive, 0.05),
  seed: withDefault(seed, 0),
  threads: withDefault(threads, 0),
  signal: optional(guardedBy('an AbortSignal', isAbortSignal)),
  onEpoch: optional(aFunction<(epoch: WordEpoch) => unknown>()),
} satisfies FieldTable;

export const epochCount = integer(1, 2 ** 31 - 1);
export const windowSize = integer(1, 1000);

/** Stops what runs on another thread when the signal is aborted; throws its reason, also when it was aborted before. */
export async function untilAborted<Result>(
  signal: AbortSignal | undefined,
  stop: () => void,
  work: () => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const result = await awaitNative(work);
    signal?.throwIfAborted();
    return result;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

export async function runEpochs(
  trainer: { trainEpoch(): Promise<number>; stop(): void },
  settings: {
    readonly epochs: number;
    readonly signal: AbortSignal | undefined;
    readonly onEpoch: ((epoch: WordEpoch) => unknown) | undefined;
  },
): Promise<void> {
  const { epochs, signal, onEpoch } = settings;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const loss = await untilAborted(
      signal,
      () => trainer.stop(),
      () => trainer.trainEpoch(),
    );
    await onEpoch?.({ epoch, loss });
  }
}
