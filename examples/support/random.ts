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

/** Standard normal numbers, by Box and Muller. */
export function makeNormal(random: Random): Random {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Places 0 to `count - 1`, the k-th drawn as often as 1 / (k + 1) says (Zipf's law, as words are). */
export function makeZipf(random: Random, count: number): Random {
  const sums = new Float64Array(count);
  for (let rank = 0; rank < count; rank++) sums[rank] = (sums[rank - 1] ?? 0) + 1 / (rank + 1);
  const total = sums[count - 1] as number;
  return () => {
    const place = random() * total;
    const rank = sums.findIndex((sum) => sum > place);
    return rank < 0 ? count - 1 : rank;
  };
}
