/** Recommendations from what users did, trained in one call: a few lines over the public interface. */
import { GradloomError } from '../core/errors.ts';
import { machineMemory } from '../core/machine-memory.ts';
import {
  extent,
  guardedBy,
  integer,
  nonNegative,
  oneOf,
  optional,
  positive,
  type Rule,
  readOptions,
  seed as seedRule,
  threads,
  withDefault,
} from '../core/options.ts';
import { dropRate } from '../layers/dropout.ts';
import { dense, dropout, embedding, flatten } from '../layers/index.ts';
import { dtype, type TableOptions } from '../layers/table.ts';
import { add, dot, type GraphNode, graph, inBatchNegatives, input } from '../models/index.ts';
import { adagrad } from '../optimizers/index.ts';
import { Trainer } from '../trainers/index.ts';
import { fitWatched, WATCH_OPTIONS, type WatchOptions } from './fitting.ts';
import { allPairs, pairDraws } from './pair-sets.ts';
import {
  type Id,
  type Interactions,
  type KindOfId,
  type Pairs,
  readInteractions,
  readPairs,
} from './pairs.ts';
import {
  ITEM_BIAS,
  ITEM_TOWER,
  ITEM_VECTORS,
  type RecommenderModel,
  USER_TOWER,
  USER_VECTORS,
} from './recommendations.ts';
import { answering, type Recommender } from './trained-recommender.ts';

export interface RecommenderOptions extends WatchOptions {
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
   * pairs, as the items of a batch are. Where these are the negatives, it is an error. Default: `'uniform'`.
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
  /** Of users that are numbers. Default: one more than the highest. */
  readonly userCount?: number | undefined;
  /** Of items that are numbers. Default: one more than the highest. */
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
  sampling: optional(oneOf('uniform', 'popularity')),
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
  ...WATCH_OPTIONS,
};

/**
 * Learns from pairs of users and items alone (implicit feedback) which go together: a vector for each user and each item,
 * and a bias for each item. A softmax tells a pair's item from those of the other pairs of its batch, which come in proportion to how
 * popular they are; the bias makes up for that (Yi et al., RecSys 2019). Or, by `negatives`, a logistic model tells
 * pairs from drawn ones (Rendle et al. 2020). By AdaGrad, on the rows that a step names. With `towers` layers stand over the vectors.
 *
 * Users and items are numbers from 0 on, or names. `save` and `loadRecommender` keep these and what users know.
 *
 * @example
 * const shop = await recommender({ users: ['ann', 'ann', 'bob'], items: ['tea', 'milk', 'tea'] });
 * console.log(await shop.recommend('bob'));
 * console.log(await shop.recommendFor(['milk'])); // for somebody new
 *
 * Throws `INVALID_DATA` for pairs that are none, `INVALID_OPTION` for numbers that do not fit the counts, and `OUT_OF_MEMORY` at once for
 * vectors that take more than the machine or the container has.
 */
export async function recommender<User extends Id, Item extends Id>(
  given: Interactions<User, Item>,
  options: RecommenderOptions = {},
): Promise<Recommender<KindOfId<User>, KindOfId<Item>>> {
  const settings = readOptions('recommender', options, OPTIONS);
  const { sampling, negatives } = settings;
  if (negatives === 'batch' && sampling !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `recommender: sampling "${sampling}" says how a number of negatives is drawn, and negatives is "batch"; give a number, or leave sampling out`,
    );
  }
  const pairs = readPairs(readInteractions('recommender', 'interactions', given), settings, (users, items) =>
    checkMemory(users, items, settings),
  );
  const l2 = settings.l2 ?? (negatives === 'batch' ? 0.1 : 0.01);
  const { model, losses } = await train(pairs, { ...settings, sampling: sampling ?? 'uniform', l2 });
  return answering({ model, pairs, l2, losses }) as Recommender<KindOfId<User>, KindOfId<Item>>;
}

/** The system would promise memory that it has not, and end the process once all of it is written to. */
function checkMemory(
  users: number,
  items: number,
  { factors, dtype }: Pick<Settings, 'factors' | 'dtype'>,
): void {
  // Of each number of a vector: a weight of both networks, its accumulator, and a copy that goes from one network to the other.
  const bytes = factors * (users + items) * (2 * (dtype === 'bfloat16' ? 2 : 4) + 4 + 4);
  const memory = machineMemory();
  if (bytes <= memory) return;
  const inGigabytes = (count: number) => `${Math.ceil(count / 1e9)} GB`;
  throw new GradloomError(
    'OUT_OF_MEMORY',
    `recommender: vectors of ${factors} factors for ${users} users and ${items} items take ${inGigabytes(bytes)} in training, ` +
      `and there are ${inGigabytes(memory)}; give fewer factors`,
  );
}

type Side = GraphNode<readonly [number]>;

type Settings = Required<
  Omit<RecommenderOptions, 'userCount' | 'itemCount' | 'l2' | 'dtype' | keyof WatchOptions>
> &
  WatchOptions & {
    readonly l2: number;
    readonly dtype: NonNullable<TableOptions['dtype']>;
  };

/** The network of users and items, and the one that trains it: the same layers with dropout, and the squares of a pair's vectors. */
function networks(
  pairs: Pairs,
  { factors, towers, dropout: rate, dtype, seed }: Settings,
  negatives?: number,
) {
  const user = input([1]);
  const item = input([1]);
  const tower = (vectors: GraphNode, name: string): GraphNode =>
    towers.reduce<GraphNode>(
      (below, units, place) =>
        below.pipe(
          dense({
            units,
            activation: place === towers.length - 1 ? 'linear' : 'relu',
            name: `${name}${place + 1}`,
          }),
        ),
      vectors,
    );
  const vectorsOf = (node: GraphNode, rows: number, name: string): GraphNode =>
    node.pipe(embedding({ rows, units: factors, dtype, name }), flatten());
  const users = vectorsOf(user, pairs.users.count, USER_VECTORS) as Side;
  const itemVectors = vectorsOf(item, pairs.items.count, ITEM_VECTORS) as Side;
  const items = tower(itemVectors, ITEM_TOWER) as Side;
  const bias = item.pipe(
    embedding({ rows: pairs.items.count, units: 1, weightInitializer: 'zeros', name: ITEM_BIAS }),
    flatten(),
  ) as GraphNode<readonly [1]>;
  const scoresOf = (side: GraphNode) => add([dot([side as Side, items]), bias]);
  const model = graph({ inputs: { user, item }, output: scoresOf(tower(users, USER_TOWER)), seed });
  const inTraining = tower(users.pipe(dropout({ rate })), USER_TOWER);
  const scores =
    negatives === undefined
      ? scoresOf(inTraining)
      : inBatchNegatives([inTraining as Side, items], { count: negatives });
  // Never below 0, so that their mean is the mean absolute error beside 0.
  const squares = add([dot([users, users]), dot([itemVectors, itemVectors])]);
  return { model, trained: graph({ inputs: { user, item }, outputs: { scores, squares }, seed }) };
}

async function train(
  pairs: Pairs,
  settings: Settings,
): Promise<{ readonly model: RecommenderModel; readonly losses: readonly number[] }> {
  const { negatives, sampling, epochs, learningRate, l2, seed, threads } = settings;
  const inBatch = negatives === 'batch';
  const batchSize = inBatch ? Math.min(settings.batchSize, pairs.length) : settings.batchSize;
  const { model, trained } = networks(pairs, settings, inBatch ? Math.max(1, batchSize - 1) : undefined);
  const trainer = new Trainer(trained, {
    optimizer: adagrad({ learningRate }),
    loss: {
      scores: inBatch ? 'softmaxCrossEntropy' : 'sigmoidBinaryCrossEntropy',
      squares: 'meanAbsoluteError',
    },
    lossWeights: { scores: 1, squares: l2 / 2 },
    seed,
    threads,
  });
  const losses: number[] = [];
  const learn = async (set: ReturnType<typeof allPairs>, epochs: number) => {
    const passes = { epochs, batchSize, signal: settings.signal, onEpoch: settings.onEpoch };
    await fitWatched(
      trainer,
      set,
      passes,
      losses,
      (pass: { readonly scores_loss: number }) => pass.scores_loss,
    );
  };
  if (inBatch) await learn(allPairs(pairs), epochs);
  else {
    const draw = pairDraws(pairs, { negatives, sampling }, seed);
    for (let epoch = 0; epoch < epochs; epoch++) await learn(draw(), 1);
  }
  await model.loadWeights(trained.getWeights(), { strict: false });
  if (inBatch || sampling === 'popularity') {
    const weights = model.getWeights();
    const { data } = weights[`${ITEM_BIAS}.weight`] as { readonly data: Float32Array };
    for (const [place, advantage] of advantages(pairs).entries()) {
      data[place] = (data[place] as number) + settings.popularity * advantage;
    }
    model.setWeights(weights);
  }
  return { model, losses: Object.freeze(losses) };
}

/**
 * Of each item the logarithm of how many times as many pairs it has as items have in the mean: what scores learned from negatives
 * by popularity lack beside those from uniform ones (logQ correction). One without pairs counts as half a pair.
 */
function advantages(pairs: Pairs): Float64Array {
  return pairs
    .countsOfItems()
    .map((count) => Math.log((Math.max(count, 0.5) * pairs.items.count) / pairs.length));
}
