/**
 * By what other libraries learn from pairs of users and items: alternating least squares (Hu, Koren, Volinsky 2008), Bayesian
 * personalized ranking (Rendle et al. 2009) and WARP (Weston, Bengio, Usunier 2011), the last two by AdaGrad, as LightFM has them.
 */
import { RandomStream } from '../../../lib/core/philox.ts';

export interface Known {
  readonly userCount: number;
  readonly itemCount: number;
  readonly pairs: readonly { readonly user: number; readonly item: number }[];
  /** Of each user the items. */
  readonly itemsOf: readonly ReadonlySet<number>[];
}

/** Of each item with a user. */
export type Scores = (user: number) => Float64Array;

const FACTORS = 64;

/** Rows of vectors, of small random numbers. */
function randomTable(rows: number, random: RandomStream): Float64Array {
  return Float64Array.from(
    { length: rows * FACTORS },
    () => (random.below(2 ** 24) / 2 ** 24 - 0.5) / FACTORS,
  );
}

function product(a: Float64Array, aAt: number, b: Float64Array, bAt: number): number {
  let sum = 0;
  for (let f = 0; f < FACTORS; f++) sum += (a[aAt + f] as number) * (b[bAt + f] as number);
  return sum;
}

function scoresOf(users: Float64Array, items: Float64Array, bias?: Float64Array): Scores {
  return (user) =>
    Float64Array.from(
      { length: items.length / FACTORS },
      (_, item) => product(users, user * FACTORS, items, item * FACTORS) + (bias?.[item] ?? 0),
    );
}

export interface AlsSettings {
  /** The confidence of a pair is one more, of what is none 1. */
  readonly alpha: number;
  readonly l2: number;
}

export function als(known: Known, { alpha, l2 }: AlsSettings): Scores {
  const random = new RandomStream(1, 'negatives');
  const users = new Float64Array(known.userCount * FACTORS);
  const items = randomTable(known.itemCount, random);
  const usersOf = Array.from({ length: known.itemCount }, () => new Set<number>());
  for (const { user, item } of known.pairs) usersOf[item]?.add(user);
  for (let sweep = 0; sweep < 10; sweep++) {
    solveAll(users, items, known.itemsOf, { alpha, l2 });
    solveAll(items, users, usersOf, { alpha, l2 });
  }
  return scoresOf(users, items);
}

/** Each row x of `solved` from (F'F + alpha sum f f' + l2 I) x = (1 + alpha) sum f, the sums over its own rows f of `fixed`. */
function solveAll(
  solved: Float64Array,
  fixed: Float64Array,
  own: readonly ReadonlySet<number>[],
  { alpha, l2 }: AlsSettings,
): void {
  const all = new Float64Array(FACTORS ** 2);
  for (let row = 0; row < fixed.length; row += FACTORS) addSquare(all, fixed, row, 1);
  for (let f = 0; f < FACTORS; f++) all[f * FACTORS + f] = (all[f * FACTORS + f] as number) + l2;
  const matrix = new Float64Array(all.length);
  for (const [row, others] of own.entries()) {
    matrix.set(all);
    const right = solved.subarray(row * FACTORS, (row + 1) * FACTORS).fill(0);
    for (const other of others) {
      addSquare(matrix, fixed, other * FACTORS, alpha);
      for (let f = 0; f < FACTORS; f++)
        right[f] = (right[f] as number) + (1 + alpha) * (fixed[other * FACTORS + f] as number);
    }
    solve(matrix, right);
  }
}

/** Lower half alone. */
function addSquare(matrix: Float64Array, rows: Float64Array, at: number, weight: number): void {
  for (let f = 0; f < FACTORS; f++) {
    const value = weight * (rows[at + f] as number);
    for (let g = 0; g <= f; g++)
      matrix[f * FACTORS + g] = (matrix[f * FACTORS + g] as number) + value * (rows[at + g] as number);
  }
}

/** By Cholesky's factors L L' in the matrix's lower half, in place. */
function solve(matrix: Float64Array, x: Float64Array): void {
  const at = (row: number, column: number) => matrix[row * FACTORS + column] as number;
  for (let row = 0; row < FACTORS; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = at(row, column);
      for (let f = 0; f < column; f++) sum -= at(row, f) * at(column, f);
      matrix[row * FACTORS + column] = row === column ? Math.sqrt(sum) : sum / at(column, column);
    }
    let sum = x[row] as number;
    for (let f = 0; f < row; f++) sum -= at(row, f) * (x[f] as number);
    x[row] = sum / at(row, row);
  }
  for (let row = FACTORS - 1; row >= 0; row--) {
    let sum = x[row] as number;
    for (let f = row + 1; f < FACTORS; f++) sum -= at(f, row) * (x[f] as number);
    x[row] = sum / at(row, row);
  }
}

export interface RankSettings {
  readonly learningRate: number;
  readonly l2: number;
}

/** A pair's item against one that the user has not: which one, and how much it counts. */
type Draw = (user: number, item: number) => { readonly other: number; readonly weight: number } | undefined;

interface Tables {
  readonly users: Float64Array;
  readonly items: Float64Array;
  readonly bias: Float64Array;
}

const PASSES = 40;

/** The logistic loss of how much higher a pair's item stands than a drawn one. */
export function bpr(known: Known, settings: RankSettings): Scores {
  return rank(known, settings, ({ users, items, bias }, drawOther) => (user, item) => {
    const other = drawOther(user);
    const margin =
      product(users, user * FACTORS, items, item * FACTORS) +
      (bias[item] as number) -
      product(users, user * FACTORS, items, other * FACTORS) -
      (bias[other] as number);
    return { other, weight: 1 / (1 + Math.exp(margin)) };
  });
}

/** The first of ten drawn items that comes too near, by the logarithm of the rank that the number of draws stands for. */
export function warp(known: Known, settings: RankSettings): Scores {
  return rank(known, settings, ({ users, items, bias }, drawOther) => (user, item) => {
    const score = (each: number) =>
      product(users, user * FACTORS, items, each * FACTORS) + (bias[each] as number);
    const own = score(item);
    for (let draws = 1; draws <= 10; draws++) {
      const other = drawOther(user);
      if (score(other) <= own - 1) continue;
      return { other, weight: Math.log(Math.max(1, Math.floor((known.itemCount - 1) / draws))) };
    }
    return undefined;
  });
}

function rank(
  known: Known,
  { learningRate, l2 }: RankSettings,
  makeDraw: (tables: Tables, drawOther: (user: number) => number) => Draw,
): Scores {
  const random = new RandomStream(1, 'negatives');
  const { userCount, itemCount, pairs, itemsOf } = known;
  const [users, items, bias] = [
    randomTable(userCount, random),
    randomTable(itemCount, random),
    new Float64Array(itemCount),
  ] as const;
  const [userSums, itemSums, biasSums] = [users, items, bias].map((table) =>
    new Float64Array(table.length).fill(1),
  ) as [Float64Array, Float64Array, Float64Array];
  const drawOther = (user: number) => {
    let other = random.below(itemCount);
    while (itemsOf[user]?.has(other)) other = random.below(itemCount);
    return other;
  };
  const draw = makeDraw({ users, items, bias }, drawOther);
  for (let step = 0; step < PASSES * pairs.length; step++) {
    const { user, item } = pairs[random.below(pairs.length)] as (typeof pairs)[number];
    const drawn = draw(user, item);
    if (drawn === undefined) continue;
    const { other, weight } = drawn;
    for (let f = 0; f < FACTORS; f++) {
      const u = user * FACTORS + f;
      const i = item * FACTORS + f;
      const o = other * FACTORS + f;
      const mine = users[u] as number;
      const its = items[i] as number;
      const others = items[o] as number;
      adapt(users, userSums, u, weight * (others - its) + l2 * mine, learningRate);
      adapt(items, itemSums, i, l2 * its - weight * mine, learningRate);
      adapt(items, itemSums, o, l2 * others + weight * mine, learningRate);
    }
    adapt(bias, biasSums, item, l2 * (bias[item] as number) - weight, learningRate);
    adapt(bias, biasSums, other, l2 * (bias[other] as number) + weight, learningRate);
  }
  return scoresOf(users, items, bias);
}

/** A step of AdaGrad; without an object for the arguments, as it is the innermost of all. */
function adapt(table: Float64Array, sums: Float64Array, at: number, gradient: number, rate: number): void {
  const sum = (sums[at] as number) + gradient * gradient;
  sums[at] = sum;
  table[at] = (table[at] as number) - (rate * gradient) / Math.sqrt(sum);
}
