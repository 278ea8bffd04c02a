import { types } from 'node:util';
/** Recommendations from what users did, trained in one call: a few lines over the public interface. */
import { GradloomError } from '../core/errors.ts';
import {
  extent,
  formatValue,
  guardedBy,
  instanceOf,
  integer,
  nonNegative,
  oneOf,
  optional,
  positive,
  type Rule,
  readOptions,
  readValue,
  seed as seedRule,
  threads,
  withDefault,
} from '../core/options.ts';
import { RandomStream } from '../core/philox.ts';
import { isList } from '../datasets/copies.ts';
import { fromArrays } from '../datasets/from-arrays.ts';
import { fromInputs } from '../datasets/from-inputs.ts';
import { dropRate } from '../layers/dropout.ts';
import { dense, dropout, embedding, flatten } from '../layers/index.ts';
import { dtype, type TableOptions } from '../layers/table.ts';
import { add, dot, type GraphNode, graph, inBatchNegatives, input, Model } from '../models/index.ts';
import { adagrad } from '../optimizers/index.ts';
import { Trainer } from '../trainers/index.ts';

/** Which user had to do with which item: bought, read, watched, ... A pair may stand more than once. */
export interface Interactions {
  /** Numbers of users from 0. */
  readonly users: ArrayLike<number>;
  /** Numbers of items from 0, one a pair. */
  readonly items: ArrayLike<number>;
}

export interface RecommenderOptions {
  /** Numbers of each user's and each item's vector. Default: 64. */
  readonly factors?: number;
  /**
   * Units of the layers that turn the vectors into what is compared, of users and of items each their own: two towers.
   * Default: none, a factorization.
   */
  readonly towers?: readonly number[];
  /**
   * What pairs are told apart from. `'batch'`: the items of the other pairs of the batch, by a softmax (`inBatchNegatives`). A
   * number: so many items that a user had nothing to do with, drawn anew for each pair in each pass. Default: `'batch'`.
   */
  readonly negatives?: number | 'batch';
  /**
   * How a number of `negatives` is drawn. `'uniform'`: each item is as likely as another; `'popularity'`: in proportion to its
   * pairs, as the items of a batch are. Default: `'uniform'`.
   */
  readonly sampling?: 'uniform' | 'popularity';
  /**
   * Negatives in proportion to their pairs teach how much more a user wants an item than others do. Scores add the logarithm of
   * the item's share of all pairs, so that they say what a user wants most, times this: 0 favours items that are little known.
   * Of no effect on `'uniform'` negatives. Default: 1.
   */
  readonly popularity?: number;
  /** Share of a user's numbers that are left out at random in training, so that pairs are not learned by heart. Default: 0.5. */
  readonly dropout?: number;
  /**
   * Adds `l2 / 2` times the squares of a pair's two vectors to its loss, so that vectors grow no longer than pairs want them.
   * Default: 0.1, of drawn negatives 0.01.
   */
  readonly l2?: number | undefined;
  /** Default: one more than the highest number. */
  readonly userCount?: number | undefined;
  /** Default: one more than the highest number. */
  readonly itemCount?: number | undefined;
  /** Passes over the pairs. Default: 20. */
  readonly epochs?: number;
  /** Of AdaGrad. Default: 0.1. */
  readonly learningRate?: number;
  /** Pairs a step, drawn ones included. Default: 256. */
  readonly batchSize?: number;
  /** Of initial vectors, of what is drawn and of the order. Default: 0. */
  readonly seed?: number;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
  /**
   * How the tables of vectors are kept in memory: `'bfloat16'` takes half the bytes, and their part of the model's file too.
   * Items' biases stay as they are. Default: `'float32'`.
   */
  readonly dtype?: TableOptions['dtype'];
}

const towerUnits = guardedBy(
  'a list of integers of at least 1',
  (given): given is readonly number[] =>
    Array.isArray(given) && [...given].every((units) => extent.read(units) !== undefined),
);

const negatives: Rule<number | 'batch'> = {
  expected: '"batch" or an integer from 1 to 1000',
  read: (given) => (given === 'batch' ? given : integer(1, 1000).read(given)),
};

const OPTIONS = {
  factors: withDefault(extent, 64),
  towers: withDefault(towerUnits, []),
  negatives: withDefault<number | 'batch'>(negatives, 'batch'),
  sampling: withDefault(oneOf('uniform', 'popularity'), 'uniform'),
  popularity: withDefault(nonNegative, 1),
  dropout: withDefault(dropRate, 0.5),
  l2: optional(nonNegative),
  userCount: optional(extent),
  itemCount: optional(extent),
  epochs: withDefault(integer(1, 2 ** 31 - 1), 20),
  learningRate: withDefault(positive, 0.1),
  batchSize: withDefault(extent, 256),
  seed: withDefault(seedRule, 0),
  threads: withDefault(threads, 0),
  dtype,
};

/**
 * Of a user and an item the score of their going together: with a number of `negatives` the logit of a pair among uniformly drawn
 * ones, else the same up to a constant of the user.
 */
export type RecommenderModel = Model<
  { readonly user: readonly [1]; readonly item: readonly [1] },
  readonly [1]
>;

export interface Recommendation {
  readonly item: number;
  readonly score: number;
}

export interface RecommendOptions {
  /** How many items. Default: 10. */
  readonly count?: number;
  /** Items to leave out, such as those that the user knows. Default: none. */
  readonly exclude?: Iterable<number>;
}

export interface Recommender {
  readonly model: RecommenderModel;
  /** Of each pass the mean loss of pairs, without what `l2` adds. */
  readonly losses: readonly number[];
  /** The items that go best with a user, without those of the pairs that it was trained on, best first. */
  recommend(user: number, options?: RecommendOptions): Promise<readonly Recommendation[]>;
}

/** Of the item's bias, by which files tell how many items there are. */
const ITEM_BIAS = 'itemBias';

/**
 * Learns from pairs of users and items alone (implicit feedback) which go together: a vector for each user and each item,
 * and a bias for each item. A softmax tells a pair's item from those of the other pairs of its batch, which come in proportion to how
 * popular they are; the bias makes up for that (Yi et al., RecSys 2019). Or, by `negatives`, a logistic model tells
 * pairs from drawn ones (Rendle et al. 2020). By AdaGrad, on the rows that a step names. With `towers` layers stand over the vectors.
 *
 * `recommend(model, user)` asks a model that was saved and loaded.
 *
 * @example
 * const { model, recommend } = await recommender({ users: [0, 0, 1, 2], items: [3, 1, 3, 0] });
 * console.log(await recommend(1));
 *
 * Throws `INVALID_DATA` for pairs that are none, and `INVALID_OPTION` for numbers that do not fit the counts.
 */
export async function recommender(
  interactions: Interactions,
  options: RecommenderOptions = {},
): Promise<Recommender> {
  const settings = readOptions('recommender', options, OPTIONS);
  const pairs = new Pairs(readValue('recommender', 'interactions', interactions, record), settings);
  const { factors, towers, epochs, batchSize, learningRate, seed } = settings;
  const user = input([1]);
  const item = input([1]);
  const tower = (vectors: GraphNode, name: string): GraphNode =>
    towers.reduce<GraphNode>(
      (below, units, place) =>
        below.pipe(
          dense({
            units,
            activation: place === towers.length - 1 ? 'linear' : 'relu',
            name: `${name}Tower${place + 1}`,
          }),
        ),
      vectors,
    );
  const vectors = (node: GraphNode, rows: number, name: string): GraphNode =>
    node.pipe(embedding({ rows, units: factors, dtype: settings.dtype, name: `${name}s` }), flatten());
  const users = vectors(user, pairs.userCount, 'user') as Side;
  const itemVectors = vectors(item, pairs.itemCount, 'item') as Side;
  const items = tower(itemVectors, 'item') as Side;
  const bias = item.pipe(
    embedding({ rows: pairs.itemCount, units: 1, weightInitializer: 'zeros', name: ITEM_BIAS }),
    flatten(),
  ) as GraphNode<readonly [1]>;
  const scoresOf = (side: GraphNode) => add([dot([side as Side, items]), bias]);
  const model = graph({ inputs: { user, item }, output: scoresOf(tower(users, 'user')), seed });
  const inTraining = tower(users.pipe(dropout({ rate: settings.dropout })), 'user');
  const inBatch = settings.negatives === 'batch';
  const size = inBatch ? Math.min(batchSize, pairs.length) : batchSize;
  const scores = inBatch
    ? inBatchNegatives([inTraining as Side, items], { count: Math.max(1, size - 1) })
    : scoresOf(inTraining);
  // Never below 0, so that their mean is the mean absolute error beside 0.
  const squares = add([dot([users, users]), dot([itemVectors, itemVectors])]);
  const trained = graph({ inputs: { user, item }, outputs: { scores, squares }, seed });
  const trainer = new Trainer(trained, {
    optimizer: adagrad({ learningRate }),
    loss: {
      scores: inBatch ? 'softmaxCrossEntropy' : 'sigmoidBinaryCrossEntropy',
      squares: 'meanAbsoluteError',
    },
    lossWeights: { scores: 1, squares: (settings.l2 ?? (inBatch ? 0.1 : 0.01)) / 2 },
    seed,
    threads: settings.threads,
  });
  const losses: number[] = [];
  const train = async (set: ReturnType<typeof pairSet>, epochs: number) => {
    const run = await trainer.fit(set, { epochs, batchSize: size, progress: 'none' });
    losses.push(...run.epochs.map(({ scores_loss }) => scores_loss as number));
  };
  if (settings.negatives === 'batch') await train(pairs.all(), epochs);
  else for (let epoch = 0; epoch < epochs; epoch++) await train(pairs.draw(settings.negatives), 1);
  await model.loadWeights(trained.getWeights(), { strict: false });
  if (settings.negatives === 'batch' || settings.sampling === 'popularity') {
    const weights = model.getWeights();
    const { data } = weights[`${ITEM_BIAS}.weight`] as { readonly data: Float32Array };
    for (const [place, advantage] of pairs.advantages().entries()) {
      data[place] = (data[place] as number) + settings.popularity * advantage;
    }
    model.setWeights(weights);
  }
  return Object.freeze({
    model,
    losses: Object.freeze(losses),
    recommend: (who: number, asked: RecommendOptions = {}) =>
      recommendOf(model, who, asked, pairs.itemsOf(who)),
  });
}

const RECOMMEND_OPTIONS = {
  count: withDefault(extent, 10),
  exclude: withDefault<ReadonlySet<number>>(
    { expected: 'an iterable of numbers of items', read: readItems },
    new Set<number>(),
  ),
};

/** Copied at once, as it may change while the model predicts. */
function readItems(given: unknown): ReadonlySet<number> | undefined {
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) return undefined;
  try {
    return new Set(given as Iterable<number>);
  } catch (error) {
    // Of an array whose buffer was transferred away; what a user's own iterator throws is the user's.
    if (types.isTypedArray(given)) return undefined;
    throw error;
  }
}

/**
 * The items that go best with a user by a model of `recommender`, also one that was loaded, best first; of equal scores the
 * lower number.
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
  return recommendOf(model, user, options, []);
}

/** Without the items that are known beside those that the options exclude. */
async function recommendOf(
  model: RecommenderModel,
  user: number,
  options: RecommendOptions,
  known: Iterable<number>,
): Promise<readonly Recommendation[]> {
  const { count, exclude } = readOptions('recommend', options, RECOMMEND_OPTIONS);
  readValue('recommend', 'user', user, integer(0, 2 ** 31 - 1));
  readValue('recommend', 'model', model, instanceOf('a model', Model));
  const weightsOf = (layer: string) => model.layers.find(({ name }) => name === layer)?.parameterCount;
  const items = weightsOf(ITEM_BIAS);
  if (items === undefined) {
    throw new GradloomError('INVALID_OPTION', 'recommend: the model was not made by recommender');
  }
  const factors = (weightsOf('items') as number) / items;
  const users = (weightsOf('users') as number) / factors;
  if (user >= users) {
    throw new GradloomError(
      'ID_OUT_OF_RANGE',
      `recommend: there is no user ${user} among the model's, 0 to ${users - 1}; train it with the user's pairs`,
    );
  }
  const { data } = await model.predict({
    user: new Int32Array(items).fill(user),
    item: Int32Array.from({ length: items }, (_, item) => item),
  });
  const left = new Set([...known, ...exclude]);
  // Only those that can be among the first are put in order, which of thousands of items takes less time than of all.
  const least =
    data
      .filter((_, item) => !left.has(item))
      .sort()
      .at(-count) ?? Number.NEGATIVE_INFINITY;
  const best: Recommendation[] = [];
  for (let item = 0; item < items; item++) {
    const score = data[item] as number;
    if (score >= least && !left.has(item)) best.push({ item, score });
  }
  return Object.freeze(best.sort((a, b) => b.score - a.score).slice(0, count));
}

const record = guardedBy(
  '{ users, items }, a list of numbers each',
  (given): given is Interactions => typeof given === 'object' && given !== null && !Array.isArray(given),
);

type Side = GraphNode<readonly [number]>;

type PairSettings = Pick<Required<RecommenderOptions>, 'userCount' | 'itemCount' | 'sampling' | 'seed'>;

/** Pairs that are there, and draws of pairs that are not. */
class Pairs {
  readonly userCount: number;
  readonly itemCount: number;
  readonly #users: Int32Array;
  readonly #items: Int32Array;
  /** Items of each user in ascending order: those of user `u` from `#starts[u]` on. */
  readonly #starts: Uint32Array;
  readonly #known: Int32Array;
  readonly #settings: PairSettings;
  readonly #random: RandomStream;

  constructor({ users, items }: Interactions, settings: PairSettings) {
    this.#users = readNumbers('users', users, settings.userCount);
    this.#items = readNumbers('items', items, settings.itemCount);
    if (this.#users.length !== this.#items.length) {
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `recommender: there are ${this.#users.length} users and ${this.#items.length} items; give one of each a pair`,
      );
    }
    this.userCount = settings.userCount ?? countIn('users', this.#users);
    this.itemCount = settings.itemCount ?? countIn('items', this.#items);
    this.#settings = settings;
    this.#random = new RandomStream(settings.seed, 'negatives');
    this.#starts = new Uint32Array(this.userCount + 1);
    for (const user of this.#users) this.#starts[user + 1] = (this.#starts[user + 1] as number) + 1;
    for (let u = 0; u < this.userCount; u++) {
      this.#starts[u + 1] = (this.#starts[u + 1] as number) + (this.#starts[u] as number);
    }
    const places = this.#starts.slice();
    this.#known = new Int32Array(this.#items.length);
    for (const [pair, user] of this.#users.entries()) {
      const place = places[user] as number;
      this.#known[place] = this.#items[pair] as number;
      places[user] = place + 1;
    }
    for (let u = 0; u < this.userCount; u++) this.itemsOf(u).sort();
  }

  /** None of a user without pairs. */
  itemsOf(user: number): Int32Array {
    return this.#known.subarray(this.#starts[user] ?? 0, this.#starts[user + 1] ?? 0);
  }

  get length(): number {
    return this.#users.length;
  }

  /** The pairs, all of the class 0. */
  all() {
    return pairSet(this.#users, this.#items, new Uint8Array(this.length));
  }

  /**
   * Of each item the logarithm of how many times as many pairs it has as items have in the mean: what scores learned from negatives
   * by popularity lack beside those from uniform ones (logQ correction). One without pairs counts as half a pair.
   */
  advantages(): Float64Array {
    const counts = new Float64Array(this.itemCount);
    for (const item of this.#items) counts[item] = (counts[item] as number) + 1;
    return counts.map((count) => Math.log((Math.max(count, 0.5) * this.itemCount) / this.length));
  }

  /** All pairs, labelled 1, and so many drawn ones each, labelled 0; others at every call. */
  draw(negatives: number) {
    const { sampling } = this.#settings;
    const random = this.#random;
    const count = this.#users.length;
    const users = new Int32Array(count * (1 + negatives));
    const items = new Int32Array(users.length);
    const labels = new Uint8Array(users.length);
    const drawItem = () =>
      sampling === 'uniform' ? random.below(this.itemCount) : (this.#items[random.below(count)] as number);
    for (let pair = 0, place = 0; pair < count; pair++) {
      const user = this.#users[pair] as number;
      users.fill(user, place, place + 1 + negatives);
      items[place] = this.#items[pair] as number;
      labels[place++] = 1;
      for (let n = 0; n < negatives; n++) items[place++] = this.#drawUnknown(user, drawItem);
    }
    return pairSet(users, items, labels);
  }

  /** A user who knows almost all items may get one of them. */
  #drawUnknown(user: number, drawItem: () => number): number {
    const mostTries = 20;
    let item = drawItem();
    for (let tries = 1; tries < mostTries && this.#knows(user, item); tries++) item = drawItem();
    return item;
  }

  #knows(user: number, item: number): boolean {
    let [low, high] = [this.#starts[user] as number, this.#starts[user + 1] as number];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.#known[middle] as number;
      if (found === item) return true;
      if (found < item) low = middle + 1;
      else high = middle;
    }
    return false;
  }
}

function pairSet(users: Int32Array, items: Int32Array, labels: Uint8Array) {
  return fromInputs({
    inputs: {
      user: fromArrays({ inputs: users, inputShape: [1] }),
      item: fromArrays({ inputs: items, inputShape: [1] }),
    },
    targets: { scores: labels, squares: new Float32Array(labels.length) },
  });
}

function readNumbers(name: string, given: unknown, count: number | undefined): Int32Array {
  if (!isList(given) || given.length === 0) {
    throw new GradloomError(
      'INVALID_DATA',
      `recommender: ${name} must be a list of at least one number, got ${formatValue(given)}`,
    );
  }
  const limit = count ?? 2 ** 31 - 1;
  return Int32Array.from({ length: given.length }, (_, pair) => {
    const number = given[pair];
    if (Number.isInteger(number) && (number as number) >= 0 && (number as number) < limit)
      return number as number;
    const remedy = typeof number === 'number' ? '' : '; give names numbers from 0 on, by a Map';
    throw new GradloomError(
      'INVALID_DATA',
      `recommender: ${name}[${pair}] must be an integer from 0 to ${limit - 1}, got ${formatValue(number)}${remedy}`,
    );
  });
}

/** One more than the highest number, unless that is so high that it must be a key of some other table. */
function countIn(name: string, numbers: Int32Array): number {
  const count = numbers.reduce((highest, number) => Math.max(highest, number), 0) + 1;
  if (count <= 100_000 + 10 * numbers.length) return count;
  throw new GradloomError(
    'INVALID_DATA',
    `recommender: ${name} go up to ${count - 1} in ${numbers.length} pairs, and each number below has a vector; number them ` +
      `from 0 on, by a Map, or say ${name === 'users' ? 'userCount' : 'itemCount'}`,
  );
}
