/**
 * Counter-based random numbers: Philox4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011), bit for bit as in the native core and addressed in the same way.
 */

export type PhiloxCounter = readonly [number, number, number, number];
export type PhiloxKey = readonly [number, number];

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** The block of four 32-bit words that stands at `counter` in the stream of `key`. */
export function philox4x32(counter: PhiloxCounter, key: PhiloxKey): PhiloxCounter {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** What a stream of numbers is for. */
export type RandomPurpose = 'split' | 'shuffle' | 'kFold' | 'negatives';

/** Part of the address, so never renumber: the purpose 4 (the native core has its own) and a stream of it. */
const STREAMS: Readonly<Record<RandomPurpose, number>> = {
  split: 4 * 2 ** 24,
  shuffle: 4 * 2 ** 24 + 1,
  kFold: 4 * 2 ** 24 + 2,
  negatives: 4 * 2 ** 24 + 3,
};

/** The numbers of one seed and purpose, one after another. */
export class RandomStream {
  readonly #key: PhiloxKey;
  readonly #stream: number;
  #words: readonly number[] = [];
  #position = 0;

  constructor(seed: number, purpose: RandomPurpose) {
    this.#key = halvesOf(seed);
    this.#stream = STREAMS[purpose];
  }

  /** A 32-bit word. */
  word(): number {
    const index = this.#position % 4;
    if (index === 0) this.#words = philox4x32([...halvesOf(this.#position / 4), this.#stream, 0], this.#key);
    this.#position++;
    return this.#words[index] as number;
  }

  /**
   * An integer from 0 to `bound - 1`, each equally likely; `bound` from 1 to 2^32 - 1. Draws again where the words do
   * not divide evenly (D. Lemire, "Fast random integer generation in an interval", 2019).
   */
  below(bound: number): number {
    const rejected = 2 ** 32 % bound;
    for (;;) {
      const word = this.word();
      if (Math.imul(word, bound) >>> 0 >= rejected) return multiplyHigh(word, bound);
    }
  }
}

/** The upper 32 bits of the product of two 32-bit words. Every intermediate sum stays below 2^32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle0 = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middle1 = aLow * bHigh + (middle0 & 0xffff);
  return aHigh * bHigh + (middle0 >>> 16) + (middle1 >>> 16);
}

/** The lower and the upper 32 bits of a safe integer. */
function halvesOf(value: number): PhiloxKey {
  return [value >>> 0, Math.floor(value / 2 ** 32)];
}
