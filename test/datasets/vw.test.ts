/** Files of Vowpal Wabbit. Numbers of features are those that `vw --audit` prints for the same lines. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { partsOf } from '../../lib/datasets/dataset.ts';
import { type Dataset, type VwOptions, vw } from '../../lib/datasets/index.ts';
import { linearClassifier } from '../../lib/index.ts';
import { sparseOf } from './entries.ts';
import { folderWith } from './files.ts';
import { labelsOf } from './rows.ts';

const read = (t: ExecutionContext, text: string, options: VwOptions = {}) =>
  vw(join(folderWith(t, { x: text }), 'x'), options) as Promise<Dataset>;

const HOUSES = [
  '0 | price:.23 sqft:.25 age:.05 2006',
  "1 2 'second_house | price:.18 sqft:.15 age:.35 1976",
  "0 1 'third_house | price:.53 sqft:.32 age:.87 1924",
].join('\n');

test('names have the numbers of vw -b 18, integers stand for themselves; importances become weights', async (t) => {
  const data = await read(t, HOUSES);
  const [price, sqft, age] = [229_902, 162_853, 165_201];
  t.deepEqual(data.inputShape, [2 ** 18]);
  const expected = [
    [
      [price, 0.23],
      [sqft, 0.25],
      [age, 0.05],
      [2006, 1],
    ],
    [
      [price, 0.18],
      [sqft, 0.15],
      [age, 0.35],
      [1976, 1],
    ],
    [
      [price, 0.53],
      [sqft, 0.32],
      [age, 0.87],
      [1924, 1],
    ],
  ];
  t.deepEqual(
    sparseOf(data),
    expected.map((row) => row.map(([feature, value]) => [feature, Math.fround(value as number)])),
  );
  t.deepEqual(data.classNames, ['0', '1']);
  t.deepEqual(labelsOf(data), [0, 1, 0]);
  t.deepEqual(partsOf(data).sampleWeights, Float32Array.of(1, 2, 1));
});

test('namespaces: their hashes, scales, repeated and without features; tags, tabs and CRLF', async (t) => {
  const data = await read(t, "tag| a\t b:2\r\n\r\n|myname myvalue\r\n'x |n:0.5 a b:-4 |n c |empty", {
    labelKind: 'none',
  });
  const rows = sparseOf(data);
  t.is(rows.length, 3);
  t.deepEqual(
    rows[0]?.map(([, value]) => value),
    [1, 2],
  );
  t.deepEqual(rows[1], [[112_555, 1]]);
  t.deepEqual(
    rows[2]?.map(([, value]) => value),
    [0.5, -2, 1],
  );
  const plain = sparseOf(await read(t, '|n a b c\n', { labelKind: 'none' }));
  t.deepEqual(
    rows[2]?.map(([feature]) => feature),
    plain[0]?.map(([feature]) => feature),
  );
  t.deepEqual(labelsOf(data), [undefined, undefined, undefined]);
});

test('integers in namespaces lie beyond the hash of the name, and any number of digits is one number', async (t) => {
  const options = { labelKind: 'none', features: 2 ** 20 } as const;
  const [[[first = 0] = []] = []] = sparseOf(await read(t, '|u 0', options));
  const rows = sparseOf(await read(t, `|u 1 5 1048577\n| 7 ${2 ** 20 + 7} ${'9'.repeat(40)}`, options));
  t.deepEqual(
    rows[0]?.map(([feature]) => feature),
    [first + 1, first + 5, first + 1].map((feature) => feature % 2 ** 20),
  );
  t.deepEqual(
    rows[1]?.map(([feature]) => feature),
    [7, 7, Number((10n ** 40n - 1n) % 2n ** 20n)],
  );
});

test('crosses: a feature for each choice of one of each namespace, the product of the values', async (t) => {
  const lines = '1 |u a b:2 |i x:3 y |c t\n-1 |u a |i y\n1 |u |i x\n';
  const plain = sparseOf(await read(t, lines, { features: 2 ** 24 }));
  const data = await read(t, lines, { features: 2 ** 24, crosses: [['u', 'i']] });
  const crossed = sparseOf(data).map((row, sample) => row.slice(plain[sample]?.length));
  t.deepEqual(
    crossed.map((row) => row.map(([, value]) => value)),
    [[3, 1, 6, 2], [1], []],
  );
  t.is(crossed[0]?.[1]?.[0], crossed[1]?.[0]?.[0]); // a and y, in both
  t.is(new Set(crossed[0]?.map(([feature]) => feature)).size, 4);
  t.deepEqual(data.classNames, ['-1', '1']);
});

test('a test file takes features and classes of its training file; labels are numbers to predict on demand', async (t) => {
  const like = (await read(t, '1 | a\n-1 | b\n', { features: 100 })) as Dataset<[number]>;
  const test = await read(t, '1 | a\n+1 | b\n', { like });
  t.deepEqual([labelsOf(test), test.inputShape], [[1, 1], [100]]);
  const values = await read(t, '0.5 | a\n-3e2 | b\n', { labelKind: 'values' });
  t.deepEqual(labelsOf(values), [Float32Array.of(0.5), Float32Array.of(-300)]);
  await t.throwsAsync(() => read(t, '1 | a\n2 | b\n', { like }), {
    code: 'INVALID_DATA',
    message: /x: line 2: the label "2" is none of the classes "-1" and "1"$/,
  });
});

test('linearClassifier learns from such a file', async (t) => {
  const lines = Array.from(
    { length: 400 },
    (_, i) => `${i % 2} |word ${i % 2 ? 'yes' : 'no'} w${i % 37} |n 5:1`,
  );
  const train = await vw(join(folderWith(t, { x: lines.join('\n') }), 'x'));
  const { model } = await linearClassifier(train, { epochs: 2 });
  const { accuracy } = await model.evaluate(train, { metrics: ['accuracy'] });
  t.is(accuracy, 1);
});

test('wrong files: the line, and what to do', async (t) => {
  const fail = (text: string, options: VwOptions, code: string, message: RegExp) =>
    t.throwsAsync(() => read(t, text, options), { code, message });
  const file = (text: string, message: RegExp) => fail(text, {}, 'FILE_FORMAT', message);
  await file('1 | a\n1 a b\n', /x: line 2: expected label \|features, but there is no bar; got "1 a b"$/);
  await file(
    '1| a\n',
    /line 1: "1" ends right before the bar, which makes it a tag and no label; put a blank between$/,
  );
  await file(
    '1 | a\n| b\n',
    /line 2: the sample has no label; give one, or read the file with { labelKind: "none" }$/,
  );
  await file('spam | a\n', /line 1: a label is one number, got "spam"$/);
  await file(
    '1:0.5 | a\n',
    /got "1:0.5"; labels with costs, probabilities or several classes are not supported$/,
  );
  await file('1 -2 | a\n', /the importance behind a label is a number of at least 0, got "-2"$/);
  await file(
    '1 1 0.5 | a\n',
    /"0.5" is a third number before the bar, a prediction to start from, which is not supported/,
  );
  await file('1 | a:x\n', /line 1: expected a name, or name:number, got "a:x"$/);
  await file('1 | :5\n', /expected a name, or name:number, got ":5"$/);
  await file('1 | a:1e99\n', /got "a:1e99"$/);
  await fail('', {}, 'INVALID_DATA', /vw: there is no sample/);
  await fail(
    '1 |u a |i b\n',
    { crosses: [['u', 'j']] },
    'INVALID_OPTION',
    /vw: crosses names the namespace "j", which no sample of .* has; there are "u" and "i"$/,
  );
  await fail(
    '1 |u a\n',
    { crosses: [['u']] as never },
    'INVALID_OPTION',
    /vw: crosses must be a list of crosses, each of two or more different namespaces/,
  );
  const wide = Array.from({ length: 1100 }, (_, i) => `f${i}`).join(' ');
  await fail(
    `1 |u ${wide} |i ${wide}\n`,
    { crosses: [['u', 'i']] },
    'FILE_FORMAT',
    /line 1: the crosses of this sample are more than 1048576 features$/,
  );
  await t.throwsAsync(() => vw('/nowhere/at.all'), { code: 'FILE_NOT_FOUND' });
});
