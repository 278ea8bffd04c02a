/** Recommendations. Threads: 1 and 2. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RandomStream } from '../../lib/core/philox.ts';
import { readSide } from '../../lib/estimators/pairs.ts';
import { GradloomError, loadModel, recommend, recommender } from '../../lib/index.ts';
import { checkError, wrongly } from '../api/errors.ts';

const GROUPS = 5;
const PER_GROUP = 12;
const USERS = 80;

/** Users like the items of their group, and know two thirds of them; one of these is held back. */
function tastes() {
  const random = new RandomStream(11, 'shuffle');
  const users: number[] = [];
  const items: number[] = [];
  const held: number[] = [];
  for (let user = 0; user < USERS; user++) {
    const own = Array.from({ length: PER_GROUP }, (_, i) => (user % GROUPS) + i * GROUPS);
    for (let left = own.length - 1; left > 0; left--) {
      const other = random.below(left + 1);
      [own[left], own[other]] = [own[other] as number, own[left] as number];
    }
    held.push(own[0] as number);
    for (const item of own.slice(1, 9)) {
      users.push(user);
      items.push(item);
    }
  }
  return { users, items, held };
}

async function hitsAt(
  count: number,
  asked: (user: number) => Promise<readonly { readonly item: number }[]>,
  held: readonly number[],
): Promise<number> {
  let hits = 0;
  for (const [user, item] of held.entries()) {
    const top = (await asked(user)).slice(0, count);
    if (top.some((each) => each.item === item)) hits++;
  }
  return hits / held.length;
}

for (const [title, options] of [
  ['a factorization', {}],
  ['negatives by popularity', { negatives: 4, sampling: 'popularity' }],
  ['two towers', { towers: [16, 8] }],
  ['negatives of the batch', { negatives: 'batch' }],
  ['two towers and negatives of the batch', { negatives: 'batch', towers: [16, 8] }],
] as const) {
  test(`${title}: finds what was held back among what users do not know`, async (t) => {
    const { users, items, held } = tastes();
    const { recommend: ask, losses } = await recommender(
      { users, items },
      { factors: 16, epochs: 30, batchSize: 64, seed: 2, ...options },
    );
    // A softmax over 64 items of five groups keeps to log(64 / 5), 0.62 of where it begins; other losses go to 0.
    t.true((losses.at(-1) as number) < 0.65 * (losses[0] as number), String(losses));
    // Four items of the user's own group are left among 52 that the user does not know: by chance 8 %.
    const rate = await hitsAt(4, (user) => ask(user, { count: 4 }), held);
    t.true(rate > 0.7, String(rate));
    for (const user of [0, 17]) {
      const known = items.filter((_, pair) => users[pair] === user);
      const all = await ask(user, { count: 100 });
      t.is(all.length, GROUPS * PER_GROUP - known.length);
      t.deepEqual(await ask(user, { count: 7 }), all.slice(0, 7));
      t.false(all.some(({ item }) => known.includes(item)));
      t.true(all.every(({ score }, place) => place === 0 || score <= (all[place - 1]?.score ?? 0)));
    }
  });
}

/** Few items have most pairs, and each user takes most from a quarter of the items: what is popular is no answer for all. */
function skewedTastes() {
  const random = new RandomStream(12, 'shuffle');
  const itemCount = 200;
  const drawn = Array.from({ length: 300 }, (_, user) => {
    const own = new Set<number>();
    while (own.size < 16) {
      const rank = Math.floor(50 ** (random.below(1e6) / 1e6)) - 1;
      own.add(4 * rank + (random.below(8) === 0 ? random.below(4) : user % 4));
    }
    return [...own];
  });
  const known = drawn.flatMap((items, user) =>
    items.filter((_, place) => place % 4 !== 0).map((item) => ({ user, item })),
  );
  return {
    users: known.map(({ user }) => user),
    items: known.map(({ item }) => item),
    held: drawn.map((items) => items.filter((_, place) => place % 4 === 0)),
    itemCount,
  };
}

test('by its defaults, finds more of what was held back than what is popular does', async (t) => {
  const { users, items, held, itemCount } = skewedTastes();
  const { recommend: ask } = await recommender({ users, items }, { itemCount, seed: 3 });
  const pairsOf = Array.from({ length: itemCount }, () => 0);
  for (const item of items) pairsOf[item] = (pairsOf[item] as number) + 1;
  const popular = [...pairsOf.keys()].sort((a, b) => (pairsOf[b] as number) - (pairsOf[a] as number));
  let hits = 0;
  let popularHits = 0;
  for (const [user, sought] of held.entries()) {
    const known = new Set(items.filter((_, pair) => users[pair] === user));
    const first = (await ask(user, { count: 20 })).map(({ item }) => item);
    hits += sought.filter((item) => first.includes(item)).length;
    const most = popular.filter((item) => !known.has(item)).slice(0, 20);
    popularHits += sought.filter((item) => most.includes(item)).length;
  }
  t.true(hits > 1.6 * popularHits, `${hits} of ${4 * held.length}, by popularity ${popularHits}`);
});

test('numbers with gaps: up to 10,000, or ten times as many as there are, or as many as are counted', async (t) => {
  const sizes = async (items: readonly number[], itemCount?: number) => {
    const users = items.map((_, pair) => pair % 3);
    const { model } = await recommender({ users, items }, { itemCount, factors: 2, epochs: 1 });
    return model.getWeights()['items.weight']?.shape;
  };
  const spread = Array.from({ length: 1200 }, (_, place) => 10 * place + 9);
  t.deepEqual(await sizes([0, 9999]), [10_000, 2]);
  t.deepEqual(await sizes(spread), [12_000, 2]);
  t.deepEqual(await sizes([0, 20_000], 20_001), [20_001, 2]);
  // Pairs that stand more than once are no more numbers.
  for (const items of [
    [0, 10_000],
    [...spread, ...spread, 12_010],
  ]) {
    await t.throwsAsync(sizes(items), {
      code: 'INVALID_DATA',
      message: /^recommender: items go up to 1\d{4}, but only (2|1201) of these numbers are there, /,
    });
  }
});

test('more different numbers than a set can hold', (t) => {
  const count = 2 ** 24 + 2;
  const numbers = new Int32Array(count).map((_, place) => count - 1 - place);
  t.is(readSide('item', numbers, undefined).names.count, count);
});

for (const negatives of ['batch', 3] as const) {
  test(`negatives by popularity, ${negatives}: scores make up for it as far as they are asked to`, async (t) => {
    const { users, items } = tastes();
    const itemCount = GROUPS * PER_GROUP + 1; // the last one without a pair
    const biases = async (popularity: number) => {
      const options = {
        ...(negatives === 'batch' ? { negatives } : ({ negatives, sampling: 'popularity' } as const)),
        itemCount,
        epochs: 1,
        seed: 4,
        popularity,
      } as const;
      const { model } = await recommender({ users, items }, options);
      return [...(model.getWeights()['itemBias.weight']?.data ?? [])];
    };
    const [none, half, whole] = [await biases(0), await biases(0.5), await biases(1)];
    for (let item = 0; item < itemCount; item++) {
      const count = Math.max(0.5, items.filter((each) => each === item).length);
      const advantage = Math.log((count * itemCount) / items.length);
      const learned = none[item] as number;
      t.true(Math.abs((whole[item] as number) - learned - advantage) < 1e-5);
      t.true(Math.abs((half[item] as number) - learned - advantage / 2) < 1e-5);
      if (negatives === 'batch') t.is(learned, 0);
    }
  });
}

test('by its defaults, vectors have 64 numbers, half of which are left out, in 20 passes of batches of 256', async (t) => {
  const { users, items } = tastes();
  const byDefault = await recommender({ users, items });
  const stated = {
    factors: 64,
    dropout: 0.5,
    l2: 0.1,
    negatives: 'batch',
    epochs: 20,
    batchSize: 256,
    learningRate: 0.1,
    seed: 0,
  } as const;
  const asStated = await recommender({ users, items }, stated);
  t.deepEqual(byDefault.model.getWeights()['users.weight']?.shape, [USERS, 64]);
  t.deepEqual(byDefault.losses, asStated.losses);
  const drawn = { negatives: 2, epochs: 2 };
  const { losses } = await recommender({ users, items }, drawn);
  t.deepEqual((await recommender({ users, items }, { ...drawn, l2: 0.01 })).losses, losses);
});

test('l2 keeps vectors of users and items short, and moves none that no pair names', async (t) => {
  const { users, items } = tastes();
  const options = { userCount: USERS + 1, itemCount: GROUPS * PER_GROUP + 1, epochs: 5, seed: 6 };
  for (const negatives of ['batch', 2] as const) {
    const train = async (l2: number) =>
      (await recommender({ users, items }, { ...options, negatives, l2 })).model.getWeights();
    const [none, some, much] = [await train(0), await train(0.1), await train(1)];
    for (const table of ['users.weight', 'items.weight'] as const) {
      const vectorsOf = (weights: typeof none) => weights[table]?.data as Float32Array;
      const squares = [none, some, much].map((weights) =>
        vectorsOf(weights).reduce((sum, w) => sum + w * w, 0),
      );
      t.true((squares[0] as number) > 1.1 * (squares[1] as number), `${table}: ${squares}`);
      t.true((squares[1] as number) > 1.1 * (squares[2] as number), `${table}: ${squares}`);
      // Drawn negatives name items without pairs, too.
      if (table === 'users.weight' || negatives === 'batch') {
        t.deepEqual(vectorsOf(much).slice(-64), vectorsOf(none).slice(-64));
      }
    }
  }
});

test('dropout keeps pairs from being learned by heart, and nothing drops without it', async (t) => {
  const { users, items } = tastes();
  const train = async (dropout: number) =>
    (await recommender({ users, items }, { epochs: 3, dropout, seed: 5 })).losses;
  const [without, again, half] = [await train(0), await train(0), await train(0.5)];
  t.deepEqual(again, without);
  t.true((half.at(-1) as number) > (without.at(-1) as number));
});

test('the same seed gives the same bits on 1 and 2 threads, another one others; a file answers as the model did', async (t) => {
  const { users, items } = tastes();
  const train = async (threads: number, seed: number) => {
    const { model, losses } = await recommender({ users, items }, { epochs: 2, factors: 7, threads, seed });
    return { model, losses, weights: [...(model.getWeights()['items.weight']?.data ?? [])] };
  };
  const [one, two, other] = [await train(1, 3), await train(2, 3), await train(1, 4)];
  t.deepEqual(two.weights, one.weights);
  t.deepEqual(two.losses, one.losses);
  t.notDeepEqual(other.weights, one.weights);
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-recommender-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await one.model.save(join(folder, 'shop.safetensors'));
  const loaded = await loadModel<{ readonly user: readonly [1]; readonly item: readonly [1] }, readonly [1]>(
    join(folder, 'shop.safetensors'),
  );
  const asked = { count: 6, exclude: [3, 8] };
  const answer = await recommend(one.model, 5, asked);
  t.deepEqual(await recommend(loaded, 5, asked), answer);
  t.is(answer.length, 6);
  t.false(answer.some(({ item }) => item === 3 || item === 8));
  const { data } = await one.model.predict({ user: [[5]], item: [[answer[0]?.item as number]] });
  t.is(data[0], answer[0]?.score);
});

test('what is excluded is copied, and an array that is no longer there refused', async (t) => {
  const { model, recommend: ask } = await recommender(
    { users: [0, 1, 2], items: [0, 1, 2] },
    { userCount: 3, itemCount: 6, epochs: 1 },
  );
  const exclude = Int32Array.of(3, 4);
  const answer = ask(0, { exclude });
  exclude.fill(5);
  t.deepEqual((await answer).map(({ item }) => item).sort(), [1, 2, 5]);
  structuredClone(exclude, { transfer: [exclude.buffer] });
  const refusal = {
    instanceOf: GradloomError,
    code: 'INVALID_OPTION',
    message: /^recommend: exclude must be an iterable of items, got /,
  };
  await t.throwsAsync(ask(0, { exclude }), refusal);
  await t.throwsAsync(recommend(model, 0, { exclude }), refusal);
});

test('a user who knows all items, users and items without a pair', async (t) => {
  const { model, recommend: ask } = await recommender(
    { users: [0, 0, 2], items: [0, 1, 1] },
    { userCount: 5, itemCount: 2, epochs: 1, negatives: 1 },
  );
  t.deepEqual(await ask(0), []);
  t.is((await ask(4)).length, 2);
  t.is(model.getWeights()['users.weight']?.shape[0], 5);
});

test('vectors that no memory could hold are refused before anything is made of the pairs', async (t) => {
  const pairs = { users: [0, 1], items: [1, 1] };
  const most = 2 ** 31 - 1;
  for (const [dtype, bytes] of [
    ['float32', 16],
    ['bfloat16', 12],
  ] as const) {
    const error = await t.throwsAsync(recommender(pairs, { factors: most, userCount: most, dtype }));
    t.true(error instanceof GradloomError && error.code === 'OUT_OF_MEMORY');
    const total = Math.ceil((most * (most + 2) * bytes) / 1e9);
    const start = `recommender: vectors of ${most} factors for ${most} users and 2 items take ${total} GB in training, and there are `;
    t.true(error?.message.startsWith(start), error?.message);
    t.regex(error?.message.slice(start.length) ?? '', /^\d+ GB; give fewer factors$/);
  }
});

test('pairs that are none are refused, by place', async (t) => {
  const cases = [
    [
      { users: [], items: [] },
      {},
      'INVALID_DATA',
      'recommender: users must be a list of at least one number or name, got []',
    ],
    [
      { users: [0, 1], items: [0] },
      {},
      'SHAPE_MISMATCH',
      'recommender: there are 2 users and 1 items; give one of each a pair',
    ],
    [
      { users: [0, -1], items: [0, 1] },
      {},
      'INVALID_DATA',
      'recommender: users[1] must be an integer from 0 to 2147483646, got -1',
    ],
    [
      { users: [0, 'ann'], items: [0, 1] },
      {},
      'INVALID_DATA',
      'recommender: users[1] must be an integer from 0 to 2147483646, got "ann"; give numbers, or names (strings) of all',
    ],
    [
      { users: ['ann', 7], items: [0, 1] },
      {},
      'INVALID_DATA',
      'recommender: users[1] must be a name as those before it, got 7',
    ],
    [
      { users: ['ann'], items: ['tea'] },
      { itemCount: 2 },
      'INVALID_OPTION',
      'recommender: itemCount is for items that are numbers; names are counted: leave it out',
    ],
    [
      { users: [0, 1], items: [3, 700_000_000] },
      {},
      'INVALID_DATA',
      'recommender: items go up to 700000000, but only 2 of these numbers are there, and each would have a vector; give them as names (Array.from(ids, String)), number them from 0 on, or say itemCount: 700000001',
    ],
    [
      [[0, 1]],
      {},
      'INVALID_OPTION',
      'recommender: interactions must be { users, items }, a list each, got an array of 1',
    ],
    [
      { users: [0, 1], items: [0, 1], ratings: [5, 1] },
      {},
      'INVALID_OPTION',
      'recommender: unknown option "ratings"; there are users and items',
    ],
    [
      { user: [0], items: [0] },
      {},
      'INVALID_OPTION',
      'recommender: unknown option "user"; did you mean "users"?',
    ],
    [
      { users: [0, 1], items: [0, 7] },
      { itemCount: 7 },
      'INVALID_DATA',
      'recommender: items[1] must be an integer from 0 to 6, got 7',
    ],
  ] as const;
  for (const [pairs, options, code, message] of cases) {
    await checkError(t, code, [() => recommender(wrongly(pairs), options), message]);
  }
  await t.throwsAsync(recommender({ users: [0], items: [0] }, wrongly({ factor: 3 })), {
    message: 'recommender: unknown option "factor"; did you mean "factors"?',
  });
  for (const [options, message] of [
    [{ dropout: 1 }, 'recommender: dropout must be a number from 0 up to but not including 1, got 1'],
    [{ popularity: -1 }, /^recommender: popularity must be /],
    [
      { sampling: 'uniform' },
      'recommender: sampling "uniform" says how a number of negatives is drawn, and negatives is "batch"; give a number, or leave sampling out',
    ],
    [{ l2: -0.1 }, /^recommender: l2 must be /],
  ] as const) {
    await t.throwsAsync(recommender({ users: [0], items: [0] }, options), {
      code: 'INVALID_OPTION',
      message,
    });
  }
  const { recommend: ask } = await recommender({ users: [0, 2], items: [0, 1] }, { epochs: 1, factors: 5 });
  t.is((await ask(2)).length, 1);
  await t.throwsAsync(ask(3), {
    code: 'ID_OUT_OF_RANGE',
    message:
      'recommend: user must be an integer from 0 to 2, got 3; train with their pairs, or ask recommendFor by the items that they have',
  });
  await t.throwsAsync(ask(wrongly(0.5)), { code: 'INVALID_OPTION' });
});
