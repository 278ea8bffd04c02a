/** Columns of tables and several inputs as hashed features. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  type CsvOptions,
  crossFeatures,
  csv,
  type Dataset,
  fromArrays,
  fromInputs,
  fromRows,
  fromSparse,
  ndjson,
} from '../../lib/datasets/index.ts';
import { linearClassifier, wideAndDeep } from '../../lib/index.ts';
import { murmurHash3 } from '../../lib/text/murmur-hash.ts';
import { sparseOf } from './entries.ts';
import { folderWith } from './files.ts';
import { labelsOf, rowsOf } from './rows.ts';

const read = (t: ExecutionContext, text: string, options: CsvOptions) =>
  csv(join(folderWith(t, { x: text }), 'x'), options) as Promise<Dataset>;

const hash = (text: string) => murmurHash3(new TextEncoder().encode(text));
const entry = (code: number, features: number, value = 1) => [
  Math.abs(code) % features,
  code < 0 ? -value : value,
];

test("numbers have the features of scikit-learn's FeatureHasher, on its own example", async (t) => {
  const data = await fromRows(
    [
      { dog: 1, cat: 2, elephant: 4 },
      { dog: 2, run: 5 },
    ],
    {
      types: { dog: 'number', cat: 'number', elephant: 'number', run: 'number' },
      hash: { features: 10 },
    },
  );
  t.deepEqual(rowsOf(data as Dataset), [
    [0, 0, -4, -1, 0, 0, 0, 0, 0, 2],
    [0, 0, 0, -2, -5, 0, 0, 0, 0, 0],
  ]);
});

test('categories are hashed as column=value, missing values give nothing, crosses come behind', async (t) => {
  const features = 2 ** 22;
  const text = 'city,age,device,bought\nOslo,31,phone,yes\nRome,,tablet,no\nOslo,4.5,,no\n';
  const data = await read(t, text, {
    target: 'bought',
    types: { age: 'number' },
    hash: {
      features,
      crosses: [
        ['city', 'device'],
        ['age', 'city', 'device'],
      ],
    },
  });
  const cross = (...codes: number[]) => murmurHash3(new Uint8Array(Int32Array.from(codes).buffer));
  t.deepEqual(sparseOf(data), [
    [
      entry(hash('city=Oslo'), features),
      entry(hash('age'), features, 31),
      entry(hash('device=phone'), features),
      entry(cross(hash('city=Oslo'), hash('device=phone')), features),
      entry(cross(hash('age'), hash('city=Oslo'), hash('device=phone')), features, 31),
    ],
    [
      entry(hash('city=Rome'), features),
      entry(hash('device=tablet'), features),
      entry(cross(hash('city=Rome'), hash('device=tablet')), features),
    ],
    [entry(hash('city=Oslo'), features), entry(hash('age'), features, 4.5)],
  ] as never);
  t.deepEqual(data.classNames, ['no', 'yes']);
  t.deepEqual(labelsOf(data), [1, 0, 0]);
  const unsigned = await read(t, text, {
    target: 'bought',
    columns: ['city'],
    hash: { features, signed: false },
  });
  t.deepEqual(sparseOf(unsigned), [
    [[Math.abs(hash('city=Oslo')) % features, 1]],
    [[Math.abs(hash('city=Rome')) % features, 1]],
    [[Math.abs(hash('city=Oslo')) % features, 1]],
  ]);
});

test('a test file: the classes of its training file, or none; targets that are values; NDJSON with late keys', async (t) => {
  const hashes = { features: 100, classNames: ['no', 'yes'] };
  t.deepEqual(labelsOf(await read(t, 'a,b\nx,yes\n', { target: 'b', hash: hashes })), [1]);
  t.is((await read(t, 'a,b\nx,yes\n', { columns: ['a'], hash: { features: 100 } })).labelKind, 'none');
  const values = await read(t, 'a,b,c\nx,1,2\ny,3,4\n', { target: ['b', 'c'], hash: {} });
  t.deepEqual(labelsOf(values), [Float32Array.of(1, 2), Float32Array.of(3, 4)]);
  t.deepEqual(values.inputShape, [2 ** 18]);
  const path = join(folderWith(t, { x: '{"y":true}\n{"a":1,"y":false}\n' }), 'x');
  const late = await ndjson(path, { target: 'y', hash: { features: 1000 } });
  t.deepEqual(sparseOf(late as Dataset), [[], [entry(hash('a=1'), 1000)]] as never);
  t.deepEqual(late.classNames, ['false', 'true']);
});

test('a linear model learns of a cross what it cannot learn of two columns', async (t) => {
  const lines = Array.from({ length: 400 }, (_, i) => {
    const [a, b] = [i % 2, (i >> 1) % 2];
    return `c${a},d${b},n${i % 50},${a ^ b ? 'odd' : 'even'}`;
  });
  const text = `a,b,noise,kind\n${lines.join('\n')}\n`;
  const lossOf = async (crosses: readonly (readonly string[])[]) => {
    const data = (await read(t, text, { target: 'kind', hash: { features: 4096, crosses } })) as Dataset<
      [number],
      'class'
    >;
    const { model } = await linearClassifier(data, { epochs: 10 });
    return (await model.evaluate(data, { metrics: ['accuracy'] })).accuracy;
  };
  t.is(await lossOf([['a', 'b']]), 1);
  t.true((await lossOf([])) < 0.8);
});

test('what is wrong with options and cells', async (t) => {
  const text = 'a,b,n,y\nx,u,1,p\ny,v,z,q\n';
  const fail = (options: CsvOptions, message: RegExp, code = 'INVALID_OPTION') =>
    t.throwsAsync(() => read(t, text, options), { code, message });
  const hashes = { features: 10 };
  await fail({ target: 'y', hash: 5 as never }, /csv: hash must be an object/);
  await fail(
    { target: 'y', hash: { feature: 5 } as never },
    /csv: hash: unknown option "feature"; did you mean "features"\?/,
  );
  await fail(
    { target: 'y', hash: { features: 0 } },
    /csv: hash: features must be an integer from 1 to 2147483648, got 0/,
  );
  await fail(
    { target: 'y', hash: hashes, missing: 'zero' },
    /csv: missing does not go with hash, which fits nothing to the rows/,
  );
  await fail({ target: 'z', hash: hashes }, /csv: target names "z", but .*x has no such column/);
  await fail({ target: 'y', columns: ['a', 'c'], hash: hashes }, /csv: columns names "c", but/);
  await fail({ target: 'y', types: { d: 'number' }, hash: hashes }, /csv: types names "d", but/);
  await fail({ target: 'y', columns: ['a', 'y'], hash: hashes }, /csv: columns must not hold the target "y"/);
  await fail(
    { target: 'y', hash: { crosses: [['a', 'y']] } },
    /csv: hash: crosses names "y", which is not among the input columns/,
  );
  await fail({ target: 'y', hash: { crosses: [['a', 'c']] } }, /csv: crosses names "c", but/);
  await fail({ target: 'y', hash: { crosses: [['a']] } }, /each of two or more different columns/);
  await fail(
    { target: 'y', types: { n: 'number' }, hash: hashes },
    /x: line 3: column "n": "z" is no number/,
    'INVALID_DATA',
  );
  await fail(
    { target: 'y', hash: { classNames: ['p'] } },
    /x: line 3: the label "q" is none of the classes "p"$/,
    'INVALID_DATA',
  );
  await t.throwsAsync(() => read(t, 'a,y\nx,\n', { target: 'y', hash: hashes }), {
    code: 'INVALID_DATA',
    message: /line 2: column "y": the value is missing; the target must be there in each; drop such rows/,
  });
  await t.throwsAsync(() => read(t, 'a,y\n', { target: 'y', hash: hashes }), {
    message: /has no line of data/,
  });
});

test('crossFeatures: ids and sparse samples, each choice of one of each, views too', async (t) => {
  const features = 2 ** 22;
  const users = fromArrays({ inputs: Int32Array.of(3, 0, 7, 3), inputShape: [1] });
  const tags = fromSparse({
    inputShape: [20],
    samples: [{ indices: [1, 4], values: [0.5, 2] }, [], [7], [4]],
  });
  const cross = (...codes: number[]) => murmurHash3(new Uint8Array(Int32Array.from(codes).buffer));
  const expected = [
    [entry(cross(3, 1), features, 0.5), entry(cross(3, 4), features, 2)],
    [],
    [entry(cross(7, 7), features)],
    [entry(cross(3, 4), features)],
  ];
  const pairs = crossFeatures([users, tags], { features });
  t.deepEqual(sparseOf(pairs), expected as never);
  t.deepEqual(pairs.labelKind, 'none');
  const view = [3, 0];
  t.deepEqual(
    sparseOf(crossFeatures([users.select(view), tags.select(view)], { features })),
    view.map((place) => expected[place]) as never,
  );
  const three = crossFeatures([users, tags, users], { features, signed: false });
  t.deepEqual(sparseOf(three)[2], [[Math.abs(cross(7, 7, 7)) % features, 1]]);
});

test('crosses are the wide part of wideAndDeep', async (t) => {
  const count = 400;
  const ids = (of: (i: number) => number) =>
    fromArrays({ inputs: Int32Array.from({ length: count }, (_, i) => of(i)), inputShape: [1] });
  const [users, items] = [ids((i) => i % 4), ids((i) => (i >> 2) % 4)];
  const data = fromInputs({
    inputs: { users, items, pairs: crossFeatures([users, items], { features: 1024 }) },
    labels: Int32Array.from({ length: count }, (_, i) => Number((i % 4) + ((i >> 2) % 4) === 3)),
  });
  const { model } = await wideAndDeep(data, { wide: ['pairs'], hidden: [2], epochs: 10 });
  t.true(((await model.evaluate(data, { metrics: ['binaryAccuracy'] })).binaryAccuracy as number) > 0.99);
});

test('crossFeatures: wrong data sets', (t) => {
  const ids = fromArrays({ inputs: Int32Array.of(1, 2), inputShape: [1] });
  const fail = (given: readonly unknown[], code: string, message: RegExp) =>
    t.throws(() => crossFeatures(given as never), { code, message });
  fail([ids], 'INVALID_OPTION', /crossFeatures: datasets must be an array of two or more datasets/);
  // biome-ignore lint/suspicious/noSparseArray: a hole is what is tried
  fail([ids, , ids], 'INVALID_OPTION', /crossFeatures: datasets must be an array of two or more datasets/);
  fail([ids, [1, 2]], 'INVALID_OPTION', /datasets must be an array of two or more datasets/);
  fail(
    [ids, fromArrays({ inputs: new Float32Array(2), inputShape: [1] })],
    'INVALID_DATA',
    /crossFeatures: datasets\[1\] has dense values; expected ids \(an Int32Array\) or sparse samples/,
  );
  fail([ids, ids.take(1)], 'SHAPE_MISMATCH', /datasets\[1\] has 1 samples, datasets\[0\] has 2/);
  const wide = fromArrays({ inputs: new Int32Array(2 * 1100), inputShape: [1100] });
  fail([wide, wide], 'INVALID_DATA', /sample 0 has 1210000 crosses, more than 1048576/);
});
