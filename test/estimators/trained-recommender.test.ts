/** What a trained recommender answers by names. Threads: 1. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  adagrad,
  fromArrays,
  linearClassifier,
  loadModel,
  loadRecommender,
  recommend,
  recommender,
  Trainer,
} from '../../lib/index.ts';
import { checkError, wrongly } from '../api/errors.ts';

const GROUPS = 3;
const ITEMS = 24;
const USERS = 40;
const nameOfItem = (item: number) => `item ${item}`;
const nameOfUser = (user: number) => `user ${user}`;

/** Users have five of the eight items of their group; in all, the first items come most. */
function orders() {
  const users: number[] = [];
  const items: number[] = [];
  for (let user = 0; user < USERS; user++) {
    for (let place = 0; place < 5; place++) {
      users.push(user);
      items.push((user % GROUPS) + GROUPS * ((place + (user % 4 === 0 ? user >> 2 : 0)) % (ITEMS / GROUPS)));
    }
  }
  return { users, items };
}

const OPTIONS = { factors: 8, epochs: 30, seed: 3, threads: 1, dropout: 0.2 };

async function named(options: { readonly towers?: readonly number[] } = {}) {
  const { users, items } = orders();
  return await recommender(
    { users: users.map(nameOfUser), items: items.map(nameOfItem) },
    { ...OPTIONS, ...options },
  );
}

/** Rows of what users' vectors are multiplied by, in double, and the biases. */
function itemSide({ model }: Awaited<ReturnType<typeof named>>) {
  const weights = model.getWeights();
  const read = (name: string) => weights[name] as { readonly data: Float32Array; readonly shape: number[] };
  const rowsOf = ({ data, shape: [rows = 0, units = 0] }: ReturnType<typeof read>) =>
    Array.from({ length: rows }, (_, row) => [...data.subarray(row * units, (row + 1) * units)]);
  let vectors = rowsOf(read('items.weight'));
  const layers = Object.keys(weights).filter((name) => /^itemTower\d+\.weight$/.test(name));
  for (const [place, name] of layers.entries()) {
    const [rows, bias] = [rowsOf(read(name)), read(name.replace('weight', 'bias')).data];
    vectors = vectors.map((vector) =>
      rows.map((row, unit) => {
        const value = row.reduce((sum, w, i) => sum + w * (vector[i] as number), bias[unit] as number);
        return place === layers.length - 1 ? value : Math.max(0, value);
      }),
    );
  }
  return { vectors, bias: [...read('itemBias.weight').data] };
}

const product = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, place) => sum + value * (b[place] as number), 0);

test('it knows whom and what training had, also from a file, and asks for others with an error', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const shop = await named();
  await shop.save(join(folder, 'shop.safetensors'));
  for (const known of [shop, await loadRecommender<string, string>(join(folder, 'shop.safetensors'))]) {
    t.true(known.knowsUser('user 39'));
    t.false(known.knowsUser('user 40'));
    t.true(known.knowsItem('item 23'));
    t.false(known.knowsItem('user 39'));
    const cart = ['item 24', 'item 3', 'toString', 'item 6'];
    await t.throwsAsync(known.recommendFor(cart), { code: 'ID_OUT_OF_RANGE' });
    t.is((await known.recommendFor(cart.filter(known.knowsItem), { count: 2 })).length, 2);
  }
  const numbers = await recommender(orders(), { ...OPTIONS, epochs: 1, itemCount: ITEMS + 2 });
  t.true(numbers.knowsUser(0));
  t.deepEqual([USERS - 1, USERS, -1, 0.5].map(numbers.knowsUser), [true, false, false, false]);
  t.deepEqual([ITEMS + 1, ITEMS + 2].map(numbers.knowsItem), [true, false]);
});

test('names stand for numbers in the order in which they come', async (t) => {
  const { users, items } = orders();
  const order = [...new Set(items)];
  const numbers = items.map((item) => order.indexOf(item));
  const byNumbers = await recommender({ users, items: numbers }, OPTIONS);
  const byNames = await named();
  t.deepEqual(byNames.losses, byNumbers.losses);
  for (const user of [0, 5, 39]) {
    const expected = await byNumbers.recommend(user, { count: 30, exclude: [1, 2] });
    const exclude = new Set([1, 2].map((number) => nameOfItem(order[number] as number)));
    const answer = await byNames.recommend(nameOfUser(user), {
      count: 30,
      exclude: [...exclude, 'never seen'],
    });
    t.deepEqual(
      answer,
      expected.map(({ item, score }) => ({ item: nameOfItem(order[item] as number), score })),
    );
    t.true(answer.length >= ITEMS - 7 && answer.length < ITEMS - 4);
  }
  const similar = await byNumbers.similarItems(4, { count: 3 });
  t.is((await byNames.similarItems(nameOfItem(order[4] as number)))[2]?.score, similar[2]?.score);
});

for (const towers of [[], [10, 6]]) {
  const title = towers.length === 0 ? 'a factorization' : 'two towers';

  test(`${title}: who is new gets the scores of a vector fitted to their items`, async (t) => {
    const shop = await named({ towers });
    const { vectors, bias } = itemSide(shop);
    const own = [1, 4, 10].map(nameOfItem);
    const order = [...new Set(orders().items)].map(nameOfItem);
    const known = own.map((name) => order.indexOf(name));
    // AdaGrad on the mean over the items of -log softmax + l2 / 2 |user|^2, in double.
    const units = (vectors[0] as number[]).length;
    const user = new Array<number>(units).fill(0);
    const accumulators = [...user];
    const scores = () => vectors.map((vector, item) => product(user, vector) + (bias[item] as number));
    for (let step = 0; step < 30; step++) {
      const powers = scores().map(Math.exp);
      const sum = powers.reduce((a, b) => a + b);
      const gradient = user.map((value, unit) => {
        const at = (item: number) => (vectors[item] as number[])[unit] as number;
        const expected = powers.reduce((total, power, item) => total + (power / sum) * at(item), 0);
        return expected - known.reduce((total, item) => total + at(item), 0) / known.length + 0.1 * value;
      });
      for (const [unit, g] of gradient.entries()) {
        accumulators[unit] = (accumulators[unit] as number) + g * g;
        user[unit] = (user[unit] as number) - (0.3 * g) / Math.sqrt(accumulators[unit] as number);
      }
    }
    const expected = scores();
    const answer = await shop.recommendFor(own, { count: ITEMS });
    t.is(answer.length, ITEMS - own.length);
    for (const { item, score } of answer) {
      t.true(Math.abs(score - (expected[order.indexOf(item)] as number)) < 2e-3, `${item}: ${score}`);
    }
    // Items 1, 4, ... are a group of their own, of which five are left.
    for (const { item } of answer.slice(0, 3)) t.is(Number(item.slice('item '.length)) % GROUPS, 1, item);
  });

  test(`${title}: similar items are those of the highest cosines`, async (t) => {
    const shop = await named({ towers });
    const { vectors } = itemSide(shop);
    const order = [...new Set(orders().items)];
    const own = vectors[order.indexOf(7)] as number[];
    const answer = await shop.similarItems('item 7', { count: 6, exclude: ['item 10'] });
    const expected = order
      .map((item, place) => {
        const vector = vectors[place] as number[];
        const score = product(own, vector) / Math.sqrt(product(own, own) * product(vector, vector));
        return { item: nameOfItem(item), score };
      })
      .filter(({ item }) => item !== 'item 7' && item !== 'item 10')
      .sort((a, b) => b.score - a.score)
      .slice(0, 6);
    t.deepEqual(
      answer.map(({ item }) => item),
      expected.map(({ item }) => item),
    );
    for (const [place, { score }] of answer.entries()) {
      t.true(Math.abs(score - (expected[place]?.score as number)) < 1e-5);
    }
  });
}

test('evaluate: recall, discounted gain, and what is popular, in the mean over users', async (t) => {
  const shop = await named();
  const { users, items } = orders();
  // A known pair, a user and an item that training had not; of user 1 a pair stands twice.
  const heldOut = {
    users: ['user 0', 'user 0', 'user 0', 'user 1', 'user 1', 'user 1', 'somebody', 'user 2'],
    items: ['item 0', 'item 15', 'item 21', 'item 19', 'item 19', 'a new one', 'item 1', 'item 17'],
  };
  const wanted = {
    'user 0': ['item 15', 'item 21'],
    'user 1': ['item 19', 'a new one'],
    'user 2': ['item 17'],
  };
  const counts = new Map<number, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  const popular = [...counts.keys()].sort((a, b) => (counts.get(b) as number) - (counts.get(a) as number));
  const figuresOf = async (rank: (user: string) => Promise<readonly string[]>, count: number) => {
    let [recall, ndcg] = [0, 0];
    for (const [user, sought] of Object.entries(wanted)) {
      const found = await rank(user);
      const places = sought.map((item) => found.indexOf(item)).filter((place) => place >= 0);
      const most = Math.min(count, sought.length);
      recall += places.length / most / 3;
      const best = most === 1 ? 1 : 1 + 1 / Math.log2(3);
      ndcg += places.reduce((sum, place) => sum + 1 / Math.log2(place + 2), 0) / best / 3;
    }
    return { recall, ndcg };
  };
  for (const count of [1, 3, 24]) {
    const own = await figuresOf(
      async (user) => (await shop.recommend(user, { count })).map(({ item }) => item),
      count,
    );
    const byCounts = await figuresOf(async (user) => {
      const known = items.filter((_, pair) => nameOfUser(users[pair] as number) === user);
      return popular
        .filter((item) => !known.includes(item))
        .slice(0, count)
        .map(nameOfItem);
    }, count);
    const { popularity, ...figures } = await shop.evaluate(heldOut, { count });
    near(t, figures, { users: 3, ...own });
    near(t, popularity, byCounts);
  }
  const all = await shop.evaluate(heldOut, { count: 24 });
  t.true(Math.abs(all.recall - 2.5 / 3) < 1e-12);
  t.deepEqual(await shop.evaluate(heldOut), await shop.evaluate(heldOut, { count: 10 }));
});

for (const towers of [[], [6]]) {
  test(`evaluate takes users in parts where items are many, ${towers.length} layers over vectors`, async (t) => {
    const shop = await recommender(orders(), {
      ...OPTIONS,
      epochs: 1,
      factors: 4,
      towers,
      itemCount: 70_000,
    });
    const heldOut: { readonly users: number[]; readonly items: number[] } = { users: [], items: [] };
    let [recall, ndcg] = [0, 0];
    for (let user = 0; user < USERS; user++) {
      const place = user % 4;
      heldOut.users.push(user);
      heldOut.items.push((await shop.recommend(user, { count: 4 }))[place]?.item as number);
      if (place === 3) continue;
      recall += 1 / USERS;
      ndcg += 1 / Math.log2(place + 2) / USERS;
    }
    const { popularity: _, ...figures } = await shop.evaluate(heldOut, { count: 3 });
    near(t, figures, { users: USERS, recall, ndcg });
  });
}

test('evaluate by numbers: users beyond those of training do not count, items are missed', async (t) => {
  const shop = await recommender(orders(), { ...OPTIONS, epochs: 1 });
  const own = (await shop.recommend(0, { count: 1 }))[0]?.item as number;
  const heldOut = { users: [0, 0, USERS, 9_000_000], items: [own, ITEMS, own, 0] };
  const { users, recall, ndcg } = await shop.evaluate(heldOut, { count: 2 });
  t.deepEqual([users, recall], [1, 0.5]);
  t.true(Math.abs(ndcg - 1 / (1 + 1 / Math.log2(3))) < 1e-12);
  for (const [users, items, message] of [
    [[0], [0.5], 'evaluate: item must be an integer from 0 to 23, got 0.5'],
    [[-1], [own], 'evaluate: user must be an integer from 0 to 39, got -1'],
    [['ann'], [own], 'evaluate: user must be an integer from 0 to 39, got "ann"'],
  ] as const) {
    await checkError(t, 'INVALID_OPTION', [() => shop.evaluate(wrongly({ users, items })), message]);
  }
});

function near(t: ExecutionContext, figures: object, expected: object): void {
  t.deepEqual(Object.keys(figures), Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) {
    t.true(Math.abs(((figures as Record<string, number>)[name] as number) - value) < 1e-12, name);
  }
}

test('a file keeps names and what users know, and is a model, too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-recommender-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'shop.safetensors');
  const { users, items } = orders();
  const shop = await named({ towers: [4] });
  await shop.save(path);
  const loaded = await loadRecommender<string, string>(path);
  t.deepEqual(loaded.losses, shop.losses);
  t.deepEqual(await loaded.recommend('user 8'), await shop.recommend('user 8'));
  t.deepEqual(await loaded.recommendFor(['item 4']), await shop.recommendFor(['item 4']));
  t.deepEqual(await loaded.similarItems('item 4'), await shop.similarItems('item 4'));
  const heldOut = { users: ['user 8', 'user 9'], items: ['item 0', 'item 23'] };
  t.deepEqual(await loaded.evaluate(heldOut), await shop.evaluate(heldOut));
  const model = await loadModel<{ readonly user: readonly [1]; readonly item: readonly [1] }, readonly [1]>(
    path,
  );
  t.deepEqual(await recommend(model, 8), await recommend(shop.model, 8));

  const byNumbers = await recommender({ users, items }, { ...OPTIONS, userCount: USERS + 1 });
  await byNumbers.save(path);
  const numbersAgain = await loadRecommender(path);
  for (const user of [3, USERS])
    t.deepEqual(await numbersAgain.recommend(user), await byNumbers.recommend(user));
});

test('files that hold no recommender, or a damaged one, are refused', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-recommender-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'shop.safetensors');
  const shop = await named();
  const checkLack = (message: string) =>
    checkError(t, 'FILE_FORMAT', [() => loadRecommender(path), `${path}: ${message}`]);
  await shop.model.save(path);
  await checkLack(
    "it holds a recommender's model alone; save the recommender by its own save, or read the model with loadModel and ask it by recommend",
  );
  const data = fromArrays({ inputs: [[1], [2]], inputShape: [1], labels: [0, 1] });
  const { model } = await linearClassifier(data, { epochs: 1 });
  await model.save(path);
  await checkLack('it holds a model that is no recommender; read it with loadModel');
  await new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' }).save(path);
  await checkLack(
    'it holds a trainer and no recommender; read it with Trainer.load, its model with loadModel',
  );
  await writeFile(path, 'user,item\nann,tea\n');
  await checkLack(
    'at byte 0: this is a text that begins with "user,ite", and no safetensors file; tables are read by csv and readCsv, word vectors by loadWordVectors',
  );
  await t.throwsAsync(loadRecommender(join(folder, 'nothing')), { code: 'FILE_NOT_FOUND' });
  await t.throwsAsync(loadRecommender(wrongly(3)), {
    code: 'INVALID_OPTION',
    message: /^loadRecommender: path must be/,
  });
  await shop.save(path);
  const bytes = await readFile(path);
  for (const [from, to] of [
    ['"@recommender.items"', '"@recommender.itemz"'],
    ['\\"l2\\":0.1', '\\"l2\\":"x"'],
    ['"item 0"', '7,"tem0"'],
  ] as const) {
    const changed = Buffer.from(bytes);
    const place = changed.indexOf(from);
    t.true(place > 0, from);
    changed.write(to.padEnd(from.length), place);
    await writeFile(path, changed);
    await t.throwsAsync(loadRecommender(path), { instanceOf: Error }, from);
  }
});

test('recommendFor takes sets and other iterables as it takes a list, and what stands twice counts twice', async (t) => {
  const shop = await named();
  const own = ['item 1', 'item 4', 'item 11'];
  const answer = await shop.recommendFor(own);
  t.false(answer.some(({ item }) => own.includes(item)));
  const cart = new Set(own);
  const fromSet = shop.recommendFor(cart);
  cart.clear(); // what was given counts
  t.deepEqual(await fromSet, answer);
  t.deepEqual(await shop.recommendFor(new Map(own.map((item) => [item, 1])).keys()), answer);
  const twice = await shop.recommendFor([...own, 'item 11']);
  const scoreOf = (answers: typeof answer) => answers.find(({ item }) => item === 'item 2')?.score as number;
  // Of the group of item 11.
  t.true(scoreOf(twice) > scoreOf(answer));
  const numbers = await recommender(orders(), { ...OPTIONS, epochs: 2 });
  t.deepEqual(await numbers.recommendFor(Int32Array.of(1, 4)), await numbers.recommendFor(new Set([1, 4])));
});

test('bad questions are refused with what is known', async (t) => {
  const shop = await named();
  const cases: readonly [string, () => Promise<unknown>, string][] = [
    [
      'ID_OUT_OF_RANGE',
      () => shop.recommend('eve'),
      'recommend: user must be one of the 40 names that it was trained on, got "eve"; train with their pairs, or ask recommendFor by the items that they have',
    ],
    [
      'INVALID_OPTION',
      () => shop.recommend(wrongly(3)),
      'recommend: user must be one of the 40 names that it was trained on, got 3',
    ],
    [
      'ID_OUT_OF_RANGE',
      () => shop.recommendFor(['item 3', 'salt']),
      'recommendFor: item must be one of the 24 names that it was trained on, got "salt"',
    ],
    [
      'INVALID_OPTION',
      () => shop.recommendFor([]),
      'recommendFor: items must be a list or a set of at least one item, got []',
    ],
    [
      'INVALID_OPTION',
      () => shop.recommendFor(wrongly('item 3')),
      'recommendFor: items must be a list or a set of at least one item, got "item 3"',
    ],
    [
      'INVALID_OPTION',
      () => shop.recommendFor(new Set()),
      'recommendFor: items must be a list or a set of at least one item, got an object of class Set',
    ],
    [
      'ID_OUT_OF_RANGE',
      () => shop.recommendFor(new Set(['item 3', 'salt'])),
      'recommendFor: item must be one of the 24 names that it was trained on, got "salt"',
    ],
    [
      'INVALID_OPTION',
      () => shop.similarItems('item 3', { count: 0 }),
      'similarItems: count must be an integer from 1 to 2147483647, got 0',
    ],
    [
      'INVALID_OPTION',
      () => shop.evaluate(wrongly([])),
      'evaluate: heldOut must be { users, items }, a list each, got []',
    ],
    [
      'INVALID_DATA',
      () => shop.evaluate({ users: ['user 0'], items: [] }),
      'evaluate: items must be a list, one a pair, got []',
    ],
    [
      'INVALID_DATA',
      () => shop.evaluate({ users: ['eve'], items: ['item 0'] }),
      'evaluate: no pair counts; give pairs of users that it knows, which were held out of its training',
    ],
    [
      'INVALID_OPTION',
      () => shop.evaluate({ users: ['user 0'], items: ['item 0'] }, wrongly({ exclude: [] })),
      'evaluate: unknown option "exclude"; there is only count',
    ],
    ['INVALID_OPTION', () => shop.save(''), 'save: path must be a string that is not empty, got ""'],
  ];
  for (const [code, ask, message] of cases) await checkError(t, code as never, [ask, message]);
});
