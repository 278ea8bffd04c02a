import { inspect } from 'node:util';
import test from 'ava';
import { csv, fromArrays, fromRows, standardize } from '../../lib/datasets/index.ts';
import { fileWith } from './files.ts';

const NONE = { mean: undefined, std: undefined, min: undefined, max: undefined };

const ROWS = [
  { age: 31, city: 'Oslo', kind: 'b', spend: 2 },
  { age: null, city: 'Rome', kind: 'a', spend: 4 },
  { age: 45, city: null, kind: 'b', spend: 9 },
  { age: 20, city: 'Oslo', kind: null, spend: 1 },
];
const OPTIONS = {
  columns: ['age', 'city', 'kind'],
  missing: { age: 'mean', city: 'category', kind: 'zero' },
} as const;

test('numbers without what was filled in, categories with their counts, target values', async (t) => {
  const data = await fromRows(ROWS, { ...OPTIONS, target: 'spend', labelKind: 'values' });
  const std = (values: number[]) => {
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  };
  const { columns, targets, classes, samples } = data.describe();
  t.deepEqual([samples, classes], [4, []]);
  t.deepEqual(columns, [
    {
      name: 'age',
      type: 'number',
      count: 3,
      missing: 1,
      mean: 32,
      std: std([31, 45, 20]),
      min: 20,
      max: 45,
      categories: undefined,
    },
    { name: 'city', type: 'category', count: 3, missing: 1, ...NONE, categories: { Oslo: 2, Rome: 1 } },
    { name: 'kind', type: 'category', count: 3, missing: 1, ...NONE, categories: { a: 1, b: 2 } },
  ]);
  t.deepEqual(targets, [
    {
      name: 'spend',
      type: 'number',
      count: 4,
      missing: 0,
      mean: 4,
      std: std([2, 4, 9, 1]),
      min: 1,
      max: 9,
      categories: undefined,
    },
  ]);
});

test('views, copies and indices of categories count their own rows', async (t) => {
  const data = await fromRows(ROWS, { ...OPTIONS, categories: { city: 'index' } });
  const summary = (set: typeof data) =>
    set.describe().columns.map(({ count, missing, categories }) => [count, missing, categories]);
  t.deepEqual(summary(data.select([1, 2, 1])), [
    [1, 2, undefined],
    [2, 1, { Oslo: 0, Rome: 2 }],
    [3, 0, { a: 2, b: 1 }],
  ]);
  t.deepEqual(summary(data.select([3, 1]).concat(data.take(2))), [
    [2, 2, undefined],
    [4, 0, { Oslo: 2, Rome: 2 }],
    [3, 1, { a: 2, b: 1 }],
  ]);
  const [first] = data.select([1]).describe().columns;
  t.like(first, { count: 0, missing: 1, ...NONE });
  const scaled = standardize(data)[0].describe().columns;
  t.true(Math.abs(scaled[0]?.mean ?? 1) < 1e-6);
  t.deepEqual(scaled[1]?.categories, { Oslo: 2, Rome: 1 });
});

test('images by channel, as a model sees them; classes', (t) => {
  const data = fromArrays({
    inputs: Uint8Array.of(0, 255, 51, 255, 102, 255, 51, 255),
    inputShape: [2, 1, 2],
    labels: [1, 1],
    classNames: ['cat', 'dog'],
    scale: 1 / 255,
  });
  const { columns, classes } = data.describe();
  t.deepEqual(
    columns.map(({ name, count, min, max }) => [name, count, min, max]),
    [
      ['channel 0', 4, 0, 102 / 255],
      ['channel 1', 4, 1, 1],
    ],
  );
  t.is(columns[1]?.std, 0);
  t.deepEqual(classes, [
    { name: 'cat', count: 0 },
    { name: 'dog', count: 2 },
  ]);
});

test('as text', async (t) => {
  const data = await csv(fileWith(t, 'height,color,y\n1.25,red,p\n-20000,blue,q\n,red,p\n'), {
    target: 'y',
    missing: { height: 'zero' },
  });
  const text = [
    '3 samples of shape [3], 2 classes',
    '',
    'input   count  missing     mean    std     min   max  categories',
    'height      2        1  -9999.4  10001  -20000  1.25',
    'color       3        0                                red 2, blue 1',
    '',
    'class  count  share',
    'p          2  66.7%',
    'q          1  33.3%',
  ].join('\n');
  t.is(`${data.describe()}`, text);
  t.is(inspect(data.describe()), text);
});

test('many features and categories are cut short in the text alone', async (t) => {
  const wide = fromArrays({ inputs: new Float32Array(50), inputShape: [50] });
  t.is(wide.describe().columns.length, 50);
  const lines = `${wide.describe()}`.split('\n');
  t.deepEqual([lines.length, lines.at(-1)], [2 + 1 + 40 + 1, '... and 10 more']);
  const rows = Array.from({ length: 21 }, (_, i) => ({ c: `c${i % 7}` }));
  t.regex(`${(await fromRows(rows)).describe()}`, /c0 3, c1 3, c2 3, c3 3, c4 3, 2 more$/);
});
