/** Random numbers from 0 to below 1. */
export type Random = () => number;

/** Tommy Ettinger's mulberry32: enough for examples, and the same on every machine. */
export function makeRandom(seed: number): Random {
  let state = (seed * 0x9e3779b1 + 1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
