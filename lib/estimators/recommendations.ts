/** What a trained recommender answers: a few lines over its model, whose weights are read anew for each answer. */
import { types } from 'node:util';
import { GradloomError } from '../core/errors.ts';
import { type HighestOptions, highest } from '../core/highest.ts';
import {
  extent,
  instanceOf,
  integer,
  type Rule,
  readOptions,
  readValue,
  withDefault,
} from '../core/options.ts';
import { fromArrays } from '../datasets/arrays/from-arrays.ts';
import { dense } from '../layers/index.ts';
import type { Layer } from '../layers/layer.ts';
import { Model, sequential } from '../models/index.ts';
import { adagrad } from '../optimizers/index.ts';
import { Trainer } from '../trainers/index.ts';
import type { Id, Pairs } from './pairs.ts';

/**
 * Of a user and an item the score of their going together: with a number of `negatives` the logit of a pair among uniformly drawn
 * ones, else the same up to a constant of the user.
 */
export type RecommenderModel = Model<
  { readonly user: readonly [1]; readonly item: readonly [1] },
  readonly [1]
>;

export interface Recommendation<Item extends Id = number> {
  readonly item: Item;
  readonly score: number;
}

export interface RecommendOptions<Item extends Id = number> {
  /** How many items. Default: 10. */
  readonly count?: number;
  /** Items to leave out, such as those that are sold out. Default: none. */
  readonly exclude?: Iterable<Item>;
}

/** Of the item's bias, by which files tell how many items there are. */
export const ITEM_BIAS = 'itemBias';
export const USER_VECTORS = 'users';
export const ITEM_VECTORS = 'items';
/** Of the layers over the vectors, from 1 on. */
export const USER_TOWER = 'userTower';
export const ITEM_TOWER = 'itemTower';

const RECOMMEND_OPTIONS = {
  count: withDefault(extent, 10),
  exclude: withDefault<ReadonlySet<unknown>>(
    { expected: 'an iterable of items', read: readItems } satisfies Rule<ReadonlySet<unknown>>,
    new Set(),
  ),
};

function readItems(given: unknown): ReadonlySet<unknown> | undefined {
  const items = copyItems(given);
  return items === undefined ? undefined : new Set(items);
}

/** Of a list, a set or another iterable. Copied at once, as it may change while the model predicts; undefined for others. */
export function copyItems(given: unknown): readonly unknown[] | undefined {
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) return undefined;
  try {
    return Array.from(given as Iterable<unknown>);
  } catch (error) {
    // Of an array whose buffer was transferred away; what a user's own iterator throws is the user's.
    if (types.isTypedArray(given)) return undefined;
    throw error;
  }
}

export function readRecommendOptions(operation: string, options: object) {
  return readOptions(operation, options, RECOMMEND_OPTIONS);
}

/**
 * The items that go best with a user by a model of `recommender`, also one that was loaded by `loadModel`, by numbers, best first; of equal
 * scores the lower number. `loadRecommender` reads names and what users know, too, from files that `save` of a recommender wrote.
 *
 * @example
 * const model = await loadModel<{ user: [1]; item: [1] }, [1]>('shop.safetensors');
 * const items = await recommend(model, 17, { count: 5, exclude: known });
 */
export async function recommend(
  model: RecommenderModel,
  user: number,
  options: RecommendOptions = {},
): Promise<readonly Recommendation[]> {
  const { count, exclude } = readRecommendOptions('recommend', options);
  readValue('recommend', 'user', user, integer(0, 2 ** 31 - 1));
  readValue('recommend', 'model', model, instanceOf('a model', Model));
  const { users, items } = countsOf('recommend', model);
  if (user >= users) {
    throw new GradloomError(
      'ID_OUT_OF_RANGE',
      `recommend: there is no user ${user} among the model's, 0 to ${users - 1}; train it with the user's pairs`,
    );
  }
  return bestOf(await scoresFor(model, user, items), { count, left: exclude });
}

/** How many vectors the model has. */
export function countsOf(
  operation: string,
  model: RecommenderModel,
): { readonly users: number; readonly items: number } {
  const weightsOf = (layer: string) => model.layers.find(({ name }) => name === layer)?.parameterCount;
  const items = weightsOf(ITEM_BIAS);
  if (items === undefined) {
    throw new GradloomError('INVALID_OPTION', `${operation}: the model was not made by recommender`);
  }
  const factors = (weightsOf(ITEM_VECTORS) as number) / items;
  return { users: (weightsOf(USER_VECTORS) as number) / factors, items };
}

/** 0, 1, 2, ... */
function numbersTo(count: number): Int32Array<ArrayBuffer> {
  const numbers = new Int32Array(count);
  for (let n = 0; n < count; n++) numbers[n] = n;
  return numbers;
}

/** Of each item with a user. */
export async function scoresFor(model: RecommenderModel, user: number, items: number): Promise<Float32Array> {
  const { data } = await model.predict({
    user: new Int32Array(items).fill(user),
    item: numbersTo(items),
  });
  return data;
}

/** The items of the highest scores but those that are left out, best first. */
export function bestOf(
  scores: Float32Array | Float64Array,
  asked: HighestOptions,
): readonly Recommendation[] {
  const best = highest(scores, asked);
  return Object.freeze(best.map((item) => Object.freeze({ item, score: scores[item] as number })));
}

const SIDES = {
  user: { vectors: USER_VECTORS, tower: USER_TOWER },
  item: { vectors: ITEM_VECTORS, tower: ITEM_TOWER },
} as const;

/** Of each of some users or items a row, behind the layers of their tower: those of both sides are multiplied. */
async function vectorsOf(
  model: RecommenderModel,
  side: keyof typeof SIDES,
  numbers: Int32Array<ArrayBuffer>,
): Promise<Float32Array> {
  const { vectors, tower } = SIDES[side];
  const last = model.layers.findLast(({ name }) => name.startsWith(tower))?.name ?? vectors;
  const fork = model.fork({ last }) as unknown as Model<Record<string, readonly [1]>, readonly [number]>;
  try {
    const { data } = await fork.predict({ [side]: numbers });
    return data;
  } finally {
    fork[Symbol.dispose]();
  }
}

/** All items' side of the scores. */
interface ItemSide {
  readonly vectors: Float32Array;
  readonly bias: Float32Array;
  /** Of a vector. */
  readonly units: number;
}

async function itemSide(model: RecommenderModel, items: number): Promise<ItemSide> {
  const vectors = await vectorsOf(model, 'item', numbersTo(items));
  const { data } = model.getWeights()[`${ITEM_BIAS}.weight`] as { readonly data: Float32Array };
  return { vectors, bias: data, units: vectors.length / items };
}

/** Gives the scores of all items with users, of the vectors that `layers` make of `inputs` numbers. */
function scorer({ vectors, bias, units }: ItemSide, inputs: number, layers: readonly Layer[]) {
  const scoring = sequential({ inputShape: [inputs] }, [
    ...layers,
    dense({ units: bias.length, trainable: false, weightInitializer: 'zeros', name: ITEM_VECTORS }),
  ]);
  scoring.setWeights({
    ...(layers.length > 0 ? scoring.getWeights() : {}),
    [`${ITEM_VECTORS}.weight`]: { data: vectors, shape: [bias.length, units] },
    [`${ITEM_VECTORS}.bias`]: { data: bias, shape: [bias.length] },
  });
  return scoring;
}

/**
 * Of each item with a user who has some of them: the user's vector is the one that tells these from all others by a softmax over the scores of all,
 * with the penalty that vectors had in training; those of items stay. Convex, so that it begins at 0 and a few steps are enough.
 */
export async function scoresForNew(
  model: RecommenderModel,
  known: Int32Array<ArrayBuffer>,
  { items, l2 }: { readonly items: number; readonly l2: number },
): Promise<Float32Array> {
  const side = await itemSide(model, items);
  const user = dense({ units: side.units, bias: false, weightInitializer: 'zeros', name: 'user' });
  const scoring = scorer(side, 1, [user]);
  const trainer = new Trainer(scoring, {
    optimizer: adagrad({ learningRate: 0.3, weightDecay: l2 }),
    loss: 'softmaxCrossEntropy',
  });
  const ones = new Float32Array(known.length).fill(1);
  const train = fromArrays({ inputs: ones, inputShape: [1], labels: known });
  await trainer.fit(train, { epochs: 30, batchSize: known.length, progress: 'none' });
  const { data } = await scoring.predict(Float32Array.of(1));
  scoring[Symbol.dispose]();
  return data;
}

/** Of each item with one of them the cosine of their vectors; 0 of vectors of zeros. */
export async function cosinesWith(
  model: RecommenderModel,
  item: number,
  items: number,
): Promise<Float64Array> {
  const vectors = await vectorsOf(model, 'item', numbersTo(items));
  const units = vectors.length / items;
  const product = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < units; i++) {
      sum += (vectors[a * units + i] as number) * (vectors[b * units + i] as number);
    }
    return sum;
  };
  const square = product(item, item);
  const cosines = new Float64Array(items);
  for (let other = 0; other < items; other++) {
    cosines[other] = product(item, other) / (Math.sqrt(square * product(other, other)) || 1);
  }
  return cosines;
}

/** Of each user's held out items, as far as they are asked for, those that are found, and how far in front; means over users. */
export interface RankingFigures {
  /** The share that is among the first `count`, of at most `count`. */
  readonly recall: number;
  /** Normalized discounted cumulative gain: of 1 / log2(place + 1) of those that are found, the share of the best order's. */
  readonly ndcg: number;
}

export interface RankingEvaluation extends RankingFigures {
  /** How many users had held out items. */
  readonly users: number;
  /** What those items reach that most pairs have, the same to all: what a recommender has to be better than. */
  readonly popularity: RankingFigures;
}

/** Wanted items by the user's number; those that training had not are wanted in vain. */
export type Wanted = ReadonlyMap<number, ReadonlySet<Id>>;

export async function evaluateRanking(
  model: RecommenderModel,
  { pairs, wanted, count }: { readonly pairs: Pairs; readonly wanted: Wanted; readonly count: number },
): Promise<RankingEvaluation> {
  const counts = pairs.countsOfItems();
  const popular = bestOf(counts, { count: counts.length, left: new Set() });
  const sums = { own: { recall: 0, ndcg: 0 }, popularity: { recall: 0, ndcg: 0 } };
  for await (const { user, scores } of scoresOf(model, [...wanted.keys()], counts.length)) {
    const items = wanted.get(user) as ReadonlySet<Id>;
    const asked = { count, left: new Set(pairs.itemsOf(user)) };
    for (const [sum, ranked] of [
      [sums.own, bestOf(scores, asked)],
      [sums.popularity, firstOf(popular, asked)],
    ] as const) {
      const { recall, ndcg } = judge(ranked, items, count);
      sum.recall += recall;
      sum.ndcg += ndcg;
    }
  }
  const users = wanted.size;
  const meanOf = ({ recall, ndcg }: RankingFigures) => ({ recall: recall / users, ndcg: ndcg / users });
  return Object.freeze({ users, ...meanOf(sums.own), popularity: Object.freeze(meanOf(sums.popularity)) });
}

/** Of some users the scores of all items: a product of all vectors of items with those of so many users that their scores are some megabytes. */
async function* scoresOf(model: RecommenderModel, users: readonly number[], items: number) {
  const side = await itemSide(model, items);
  const { units } = side;
  const vectors = await vectorsOf(model, 'user', Int32Array.from(users));
  const scoring = scorer(side, units, []);
  const atOnce = Math.max(16, Math.floor(2 ** 20 / items));
  try {
    for (let first = 0; first < users.length; first += atOnce) {
      const some = users.slice(first, first + atOnce);
      const { data } = await scoring.predict(vectors.subarray(first * units, (first + some.length) * units));
      for (const [place, user] of some.entries()) {
        yield { user, scores: data.subarray(place * items, (place + 1) * items) };
      }
    }
  } finally {
    scoring[Symbol.dispose]();
  }
}

/** Those at the head of a list but those that are left out. */
function firstOf(
  ranked: readonly Recommendation[],
  { count, left }: HighestOptions,
): readonly Recommendation[] {
  const first: Recommendation[] = [];
  for (let place = 0; place < ranked.length && first.length < count; place++) {
    const each = ranked[place] as Recommendation;
    if (!left.has(each.item)) first.push(each);
  }
  return first;
}

function judge(ranked: readonly Recommendation[], wanted: ReadonlySet<Id>, count: number): RankingFigures {
  const most = Math.min(count, wanted.size);
  const gain = (place: number) => 1 / Math.log2(place + 2);
  const found = [...ranked.keys()].filter((place) => wanted.has((ranked[place] as Recommendation).item));
  const best = Array.from({ length: most }, (_, place) => gain(place));
  const sum = (gains: readonly number[]) => gains.reduce((total, each) => total + each, 0);
  return { recall: found.length / most, ndcg: sum(found.map(gain)) / sum(best) };
}
