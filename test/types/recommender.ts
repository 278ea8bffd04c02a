/** What the types know of a recommender's users and items. Nothing of this runs. */
import { expectTypeOf } from 'expect-type';
import { loadRecommender, type Recommendation, type Recommender, recommender } from '../../lib/index.ts';

export async function kindsOfIds(names: readonly string[], numbers: Int32Array, either: (string | number)[]) {
  const shop = await recommender({ users: ['ann', 'bob'], items: ['tea', 'milk'] });
  expectTypeOf(shop).toEqualTypeOf<Recommender<string, string>>();
  // Names that it was not written with are asked for, too, and may be unknown only as it runs.
  expectTypeOf(await shop.recommend('eve')).toEqualTypeOf<readonly Recommendation<string>[]>();
  await shop.recommendFor(['tea'], { exclude: ['milk'] });
  await shop.recommendFor(new Set(['tea']));
  // @ts-expect-error one item is no list of items, though a string is iterable
  await shop.recommendFor('tea');
  // @ts-expect-error items have names
  await shop.recommendFor(Int32Array.of(1));
  await shop.evaluate({ users: ['eve'], items: ['tea'] });
  expectTypeOf(shop.knowsItem).toEqualTypeOf<(item: string) => boolean>();
  // @ts-expect-error users have names
  await shop.recommend(1);
  // @ts-expect-error items have names
  await shop.similarItems(1);
  // @ts-expect-error items have names
  await shop.recommend('ann', { exclude: [1] });
  // @ts-expect-error pairs are of names
  await shop.evaluate({ users: [1], items: ['tea'] });

  const films = await recommender({ users: numbers, items: names });
  expectTypeOf(films).toEqualTypeOf<Recommender<number, string>>();
  expectTypeOf(await films.similarItems('Alien')).toEqualTypeOf<readonly Recommendation<string>[]>();
  expectTypeOf(await recommender({ users: [0, 1], items: [2, 3] } as const)).toEqualTypeOf<
    Recommender<number, number>
  >();
  expectTypeOf(await recommender({ users: names, items: [0, 1] })).toEqualTypeOf<
    Recommender<string, number>
  >();
  expectTypeOf(await recommender({ users: either, items: names })).toEqualTypeOf<
    Recommender<string | number, string>
  >();
  // @ts-expect-error users of another kind
  await recommender({ users: [true], items: ['tea'] });
  // @ts-expect-error no items
  await recommender({ users: names });
}

export async function loaded() {
  expectTypeOf(await loadRecommender('a')).toEqualTypeOf<Recommender<number, number>>();
  expectTypeOf(await loadRecommender<string, string>('a')).toEqualTypeOf<Recommender<string, string>>();
}
