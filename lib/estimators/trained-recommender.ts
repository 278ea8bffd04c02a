/** A trained recommender by the names of its users and items. */
import { GradloomError } from '../core/errors.ts';
import { extent, formatValue, readOptions, readValue, text, withDefault } from '../core/options.ts';
import { isList } from '../datasets/values/copies.ts';
import { type Id, type Interactions, type Names, type Pairs, readInteractions } from './pairs.ts';
import {
  bestOf,
  copyItems,
  cosinesWith,
  evaluateRanking,
  type RankingEvaluation,
  type Recommendation,
  type RecommenderModel,
  type RecommendOptions,
  readRecommendOptions,
  scoresFor,
  scoresForNew,
  type Wanted,
} from './recommendations.ts';
import { readRecommender, type Trained, writeRecommender } from './recommender-file.ts';

export interface Recommender<User extends Id = number, Item extends Id = number> {
  readonly model: RecommenderModel;
  /** Of each pass the mean loss of pairs, without what `l2` adds. */
  readonly losses: readonly number[];
  /** Whether training had pairs of this user, or counted them; others `recommend` refuses. */
  knowsUser(user: User): boolean;
  /** Whether training had pairs of this item, or counted it; others `recommendFor` and `similarItems` refuse. */
  knowsItem(item: Item): boolean;
  /** The items that go best with a user, without those of the pairs that it was trained on, best first. */
  recommend(user: User, options?: RecommendOptions<Item>): Promise<readonly Recommendation<Item>[]>;
  /**
   * The same for somebody who was not there in training, or has more by now, by the items that they have: their vector is fitted to these
   * while all others stay, so that no training is needed. Items that come later do need one. What a list names twice counts twice.
   */
  recommendFor(
    items: Iterable<Item> & object,
    options?: RecommendOptions<Item>,
  ): Promise<readonly Recommendation<Item>[]>;
  /** The items whose vectors are most like an item's, by their cosine: those that go with the same users. */
  similarItems(item: Item, options?: RecommendOptions<Item>): Promise<readonly Recommendation<Item>[]>;
  /**
   * How many of held out pairs are among the first `count` that `recommend` gives, beside what is popular. Pairs that it was trained on do not
   * count, nor do users that it does not know; items that it does not know count as missed.
   */
  evaluate(
    heldOut: Interactions<User, Item>,
    options?: { readonly count?: number },
  ): Promise<RankingEvaluation>;
  /** All of it in one safetensors file, all or nothing, for `loadRecommender`; `loadModel` reads the model from it. */
  save(path: string): Promise<void>;
}

/**
 * A recommender that `save` wrote, with its names and what its users know. Rejects as `loadModel` does, and with `FILE_FORMAT` for a file of
 * a model alone. Types know of users and items what you say.
 *
 * @example
 * const shop = await loadRecommender<string, string>('shop.safetensors');
 * console.log(await shop.recommend('ann'));
 */
export async function loadRecommender<User extends Id = number, Item extends Id = number>(
  path: string,
): Promise<Recommender<User, Item>> {
  readValue('loadRecommender', 'path', path, text);
  return answering(await readRecommender(path)) as Recommender<User, Item>;
}

const EVALUATE_OPTIONS = { count: withDefault(extent, 10) };

/** What answers from what was trained. */
export function answering(trained: Trained): Recommender<Id, Id> {
  const { model, pairs, l2, losses } = trained;
  const { users, items } = pairs;
  /** Reads the options at once, as they may change while scores are made. */
  const rank = async (
    operation: string,
    options: RecommendOptions<Id>,
    ask: () => { readonly known: Iterable<number>; readonly scores: Promise<Float32Array | Float64Array> },
  ) => {
    const { count, exclude } = readRecommendOptions(operation, options);
    const { known, scores } = ask();
    const left = new Set<unknown>(known);
    for (const item of exclude) left.add(items.find(item));
    const best = bestOf(await scores, { count, left });
    return Object.freeze(best.map(({ item, score }) => Object.freeze({ item: items.nameOf(item), score })));
  };
  return Object.freeze({
    model,
    losses,
    knowsUser: (id: Id) => users.find(id) !== undefined,
    knowsItem: (id: Id) => items.find(id) !== undefined,
    recommend: (id: Id, options: RecommendOptions<Id> = {}) =>
      rank('recommend', options, () => {
        const user = users.numberOf('recommend', id);
        return { known: pairs.itemsOf(user), scores: scoresFor(model, user, items.count) };
      }),
    recommendFor: (ids: Iterable<Id>, options: RecommendOptions<Id> = {}) =>
      rank('recommendFor', options, () => {
        const known = readItemList(items, ids);
        return { known, scores: scoresForNew(model, known, { items: items.count, l2 }) };
      }),
    similarItems: (id: Id, options: RecommendOptions<Id> = {}) =>
      rank('similarItems', options, () => {
        const item = items.numberOf('similarItems', id);
        return { known: [item], scores: cosinesWith(model, item, items.count) };
      }),
    evaluate: async (heldOut: Interactions<Id, Id>, options: { readonly count?: number } = {}) => {
      const { count } = readOptions('evaluate', options, EVALUATE_OPTIONS);
      return await evaluateRanking(model, { pairs, wanted: wantedOf(pairs, heldOut), count });
    },
    save: async (path: string) => {
      readValue('save', 'path', path, text);
      await writeRecommender(path, trained);
    },
  });
}

function readItemList(items: Names, given: unknown): Int32Array<ArrayBuffer> {
  const ids = copyItems(given);
  if (ids === undefined || ids.length === 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `recommendFor: items must be a list or a set of at least one item, got ${formatValue(given)}`,
    );
  }
  return Int32Array.from(ids, (id) => items.numberOf('recommendFor', id));
}

/** Users and items may be others than those of training, as a split can leave all pairs of one on one side. */
function wantedOf(pairs: Pairs, heldOut: unknown): Wanted {
  const { users, items } = readInteractions('evaluate', 'heldOut', heldOut);
  const [userIds, itemIds] = [users, items].map((list, side) => {
    if (isList(list) && list.length === (users as ArrayLike<Id>).length) return list as ArrayLike<Id>;
    throw new GradloomError(
      'INVALID_DATA',
      `evaluate: ${side === 0 ? 'users' : 'items'} must be a list, one a pair, got ${formatValue(list)}`,
    );
  }) as [ArrayLike<Id>, ArrayLike<Id>];
  const numberOf = (names: Names, id: Id) =>
    names.isId(id) ? names.find(id) : names.numberOf('evaluate', id);
  const wanted = new Map<number, Set<Id>>();
  for (let pair = 0; pair < userIds.length; pair++) {
    const user = numberOf(pairs.users, userIds[pair] as Id);
    const item = numberOf(pairs.items, itemIds[pair] as Id) ?? (itemIds[pair] as Id);
    if (user === undefined || (typeof item === 'number' && pairs.knows(user, item))) continue;
    const own = wanted.get(user);
    if (own === undefined) wanted.set(user, new Set([item]));
    else own.add(item);
  }
  if (wanted.size > 0) return wanted;
  throw new GradloomError(
    'INVALID_DATA',
    'evaluate: no pair counts; give pairs of users that it knows, which were held out of its training',
  );
}
