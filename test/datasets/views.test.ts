import test from 'ava';
import fc from 'fast-check';
import { csv, type Dataset, fromArrays } from '../../lib/datasets/index.ts';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import { testErrors, wrongly } from '../api/errors.ts';
import { fileWith } from './files.ts';

/** Sample i is [i, 10 i] of class i mod 3. */
function samples(count: number) {
  return fromArrays({
    inputs: Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? i / 2 : 5 * (i - 1))),
    inputShape: [2],
    labels: Uint8Array.from({ length: count }, (_, i) => i % 3),
  });
}

const firsts = (data: Dataset) =>
  Array.from({ length: data.length }, (_, i) => data.at(i).input[0] as number);
const ascending = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

test('shuffle: all samples once, with their labels; the seed alone decides', (t) => {
  const data = samples(50);
  const shuffled = data.shuffle(4);
  t.deepEqual(ascending(firsts(shuffled)), upTo(50));
  t.notDeepEqual(firsts(shuffled), upTo(50));
  t.deepEqual(firsts(data.shuffle(4)), firsts(shuffled));
  t.notDeepEqual(firsts(data.shuffle(5)), firsts(shuffled));
  t.deepEqual(firsts(data.shuffle()), firsts(data.shuffle(0)));
  for (const [place, first] of firsts(shuffled).entries()) t.is(shuffled.labelAt(place), first % 3);
  t.is(nativeSamples(shuffled).inputs, nativeSamples(data).inputs);
});

test('property: kFold holds each sample out once, in parts that differ by a sample at most', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(9), fc.nat(1000), (count, more, seed) => {
      const k = Math.min(count, 2 + more);
      const folds = samples(count).kFold({ k, seed });
      t.is(folds.length, k);
      t.deepEqual(ascending(folds.flatMap(([, held]) => firsts(held))), upTo(count));
      for (const [train, held] of folds) {
        t.deepEqual(ascending([...firsts(train), ...firsts(held)]), upTo(count));
        t.true(held.length === Math.floor(count / k) || held.length === Math.ceil(count / k));
      }
    }),
    { numRuns: 100, seed: 13 },
  );
});

test('kFold by labels: each class differs by a sample at most between the parts', (t) => {
  for (const count of [10, 31, 32, 60]) {
    const folds = samples(count).kFold({ k: 4, seed: 2, stratify: 'labels' });
    for (const label of [0, 1, 2]) {
      const counts = folds.map(([, held]) => held.classCounts()[label] as number);
      t.true(Math.max(...counts) - Math.min(...counts) <= 1, `${count}: ${counts}`);
    }
  }
});

test('filter keeps the order, and sees preprocessed samples and places', (t) => {
  const data = samples(10).select([9, 8, 7, 6, 5, 4]);
  t.deepEqual(firsts(data.filter(({ label }) => label === 0)), [9, 6]);
  t.deepEqual(firsts(data.filter((_, place) => place % 2 === 1)), [8, 6, 4]);
  t.deepEqual(firsts(data.filter(({ input }) => input[1] === 70)), [7]);
});

test('concat: views are gathered, bytes stay bytes', (t) => {
  const data = samples(6);
  const joined = data.select([5, 0]).concat(data.take(2), data.select([3]));
  t.deepEqual(firsts(joined), [5, 0, 0, 1, 3]);
  t.deepEqual(
    upTo(5).map((place) => joined.labelAt(place)),
    [2, 0, 0, 1, 0],
  );
  const bytes = (values: number[]) =>
    fromArrays({ inputs: Uint8Array.from(values), inputShape: [1], labels: Float32Array.from(values) });
  const both = bytes([1, 2]).concat(bytes([3]));
  t.deepEqual(nativeSamples(both).inputs, Uint8Array.of(1, 2, 3));
  t.deepEqual(both.labelAt(2), Float32Array.of(3));
  const mixed = fromArrays({ inputs: [[0.5]], inputShape: [1] }).concat(
    fromArrays({ inputs: Uint8Array.of(200), inputShape: [1] }),
  );
  t.deepEqual(firsts(mixed), [0.5, 200]);
  const more = fromArrays({ inputs: [[0, 0]], inputShape: [2], labels: [300] });
  const wide = data.concat(more);
  t.deepEqual([wide.classCount, wide.labelAt(6)], [301, 300]);
});

test('concat of tables: only of files that were read alike', async (t) => {
  const train = await csv(fileWith(t, 'a,b\n1,p\n2,q\n'));
  const path = fileWith(t, 'a,b\n3,q\n');
  const joined = train.concat(await csv(path, { like: train }));
  t.deepEqual([...joined.at(2).input], [3, 0, 1]);
  t.is(joined.table, train.table);
  const other = await csv(fileWith(t, 'a,b\n1,p\n2,r\n'));
  t.throws(() => train.concat(other), {
    code: 'INVALID_DATA',
    message: /another table .*read it with \{ like \}/,
  });
});

test('oneHot: values of all classes, of the rows of a view', (t) => {
  const hot = samples(6).select([5, 1, 3]).oneHot();
  t.is(hot.labelKind, 'values');
  t.deepEqual(hot.labelShape, [3]);
  t.deepEqual(
    upTo(3).map((place) => [...hot.labelAt(place)]),
    [
      [0, 0, 1],
      [0, 1, 0],
      [1, 0, 0],
    ],
  );
  t.deepEqual(firsts(hot), [5, 1, 3]);
});

const four = samples(4);
const bare = fromArrays({ inputs: [[1, 2]], inputShape: [2] });

testErrors(test, 'INVALID_OPTION', [
  [() => four.kFold({ k: 1 }), 'kFold: k must be an integer of at least 2, got 1'],
  [() => four.kFold({ k: 5 }), 'kFold: k 5 exceeds the number of samples, 4'],
  [
    () => bare.concat(bare).kFold({ k: 2, stratify: wrongly('labels') }),
    'kFold: stratify "labels" needs class labels; leave it out',
  ],
  [() => four.kFold(wrongly({ k: 2, sed: 1 })), 'kFold: unknown option "sed"; did you mean "seed"?'],
  [() => four.shuffle(-1), 'shuffle: seed must be an integer of at least 0, got -1'],
  [() => four.filter(wrongly(1)), 'filter: keep must be a function, got 1'],
  [() => four.filter(() => wrongly(1)), 'filter: keep must return true or false, got 1 for sample 0'],
  [() => four.concat(wrongly([1])), 'concat: argument 0 must be a Dataset, got [1]'],
]);

testErrors(test, 'INVALID_DATA', [
  [() => four.filter(() => false), 'filter: keeps none of 4 samples; a dataset holds at least one'],
  [() => bare.oneHot(), 'oneHot: needs class labels, but labelKind is "none"'],
  [
    () => bare.concat(fromArrays({ inputs: [[1, 2]], inputShape: [2], scale: 2 })),
    'concat: argument 0 has another preprocessing ("{\\"scale\\":[2],\\"shift\\":[0]}") than the first dataset ("{\\"scale\\":[1],\\"shift\\":[0]}")',
  ],
]);

testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => bare.concat(bare, wrongly(fromArrays({ inputs: [[1]], inputShape: [1] }))),
    'concat: argument 1 has inputShape [1], the first dataset [2]',
  ],
  [() => four.concat(wrongly(bare)), 'concat: argument 0 has labelKind none, the first dataset class'],
]);
