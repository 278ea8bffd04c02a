/** Samples of several inputs. */
import test from 'ava';
import { fromArrays, fromInputs, fromSparse, standardize } from '../../lib/index.ts';
import { checkError, wrongly } from '../api/errors.ts';

const ids = fromArrays({ inputs: Int32Array.of(4, 0, 2, 4), inputShape: [1] });
const tags = fromSparse({ inputShape: [5], samples: [[1, 1], [], [4, 0], { indices: [2], values: [0.5] }] });
const [values] = standardize(
  fromArrays({
    inputs: [
      [1, 2],
      [3, 2.5],
      [5, 4],
      [7, 1],
    ],
    inputShape: [2],
  }),
);
const all = () =>
  fromInputs({ inputs: { ids, tags, values }, labels: [0, 2, 1, 2], classNames: ['a', 'b', 'c'] });

const samplesOf = (data: ReturnType<typeof all>) =>
  Array.from({ length: data.length }, (_, place) => {
    const { input, label } = data.at(place);
    return [[...input.ids], [...input.tags], [...input.values], label];
  });

test('a sample holds the values of each input as a model sees them', (t) => {
  const data = all();
  t.deepEqual(data.inputShape, { ids: [1], tags: [5], values: [2] });
  t.is(data.length, 4);
  t.deepEqual(data.classCounts(), [1, 1, 2]);
  t.deepEqual(samplesOf(data), [
    [[4], [0, 2, 0, 0, 0], [...values.at(0).input], 0],
    [[0], [0, 0, 0, 0, 0], [...values.at(1).input], 2],
    [[2], [1, 0, 0, 0, 1], [...values.at(2).input], 1],
    [[4], [0, 0, 0.5, 0, 0], [...values.at(3).input], 2],
  ]);
  t.deepEqual(data.input('values').preprocessing, values.preprocessing);
  t.deepEqual([...data.input('values').at(2).input], [...values.at(2).input]);
  t.is(data.input('ids').labelKind, 'none');
});

test('views, joined views and one-hot labels keep the inputs together', (t) => {
  const data = all();
  const rows = samplesOf(data);
  t.deepEqual(samplesOf(data.select([3, 0, 3])), [rows[3], rows[0], rows[3]]);
  t.deepEqual(samplesOf(data.take(2).concat(data.select([3]), data)), [rows[0], rows[1], rows[3], ...rows]);
  t.deepEqual(samplesOf(data.filter(({ input }) => input.ids[0] === 4)), [rows[0], rows[3]]);
  const [first, second] = data.split({ fraction: 0.5, seed: 3 });
  t.deepEqual([...samplesOf(first), ...samplesOf(second)].map(String).sort(), rows.map(String).sort());
  t.deepEqual(
    data.kFold({ k: 4 }).map(([, validation]) => validation.length),
    [1, 1, 1, 1],
  );
  t.deepEqual([...data.oneHot().labelAt(2)], [0, 1, 0]);
  t.deepEqual([...data.select([2, 1]).input('tags').at(0).input], [1, 0, 0, 0, 1]);
});

test('inputs may be views, and bring labels and weights of samples', (t) => {
  const labelled = fromArrays({
    inputs: [[1], [2], [3]],
    inputShape: [1],
    labels: Float32Array.of(10, 20, 30),
    sampleWeights: Float32Array.of(1, 2, 3),
  });
  const data = fromInputs({ inputs: { x: labelled.select([2, 0]), ids: ids.take(2) } });
  t.deepEqual([...data.labelAt(0)], [30]);
  t.deepEqual(data.at(1).input, { x: Float32Array.of(1), ids: Float32Array.of(0) });
  t.is(fromInputs({ inputs: { ids, tags } }).labelKind, 'none');
});

test('what cannot be put together is refused, by name', async (t) => {
  const labelled = fromArrays({ inputs: [[1], [2], [3], [4]], inputShape: [1], labels: [0, 1, 0, 1] });
  await checkError(t, 'SHAPE_MISMATCH', [
    () => fromInputs({ inputs: { ids, values: values.take(3) } }),
    'fromInputs: input "values" has 3 samples, "ids" has 4; sample i is made of sample i of each',
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => fromInputs({ inputs: { a: labelled, b: labelled } }),
    'fromInputs: the inputs "a" and "b" have labels; say by labels which are meant',
  ]);
  await checkError(t, 'SHAPE_MISMATCH', [
    () => fromInputs({ inputs: { ids }, labels: [1, 2] }),
    'fromInputs: labels has 2 values; expected one class for each of 4 samples',
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => fromInputs({ inputs: { 'a b': ids } }),
    'fromInputs: "a b" is no name of an input; names are 1 to 100 letters, digits, _ and -',
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => fromInputs({ inputs: { ids: wrongly(Int32Array.of(1)) } }),
    'fromInputs: inputs.ids must be a Dataset, such as fromArrays(...) makes, got Int32Array(1)',
  ]);
  const remedy = 'to be prepared one by one before fromInputs, or looked at by input(name)';
  await checkError(t, 'INVALID_DATA', [
    () => fromInputs({ inputs: { all: wrongly(all()) } }),
    `fromInputs: inputs.all: takes data sets of one input; this one has ids, tags and values, ${remedy}`,
  ]);
  for (const [name, use] of [
    ['standardize', () => standardize(wrongly(all()))],
    ['normalize', () => all().normalize()],
    ['map', () => all().map(() => [1])],
    ['describe', () => all().describe()],
  ] as const) {
    await checkError(t, 'INVALID_DATA', [
      use,
      `${name}: takes data sets of one input; this one has ids, tags and values, ${remedy}`,
    ]);
  }
  await checkError(t, 'INVALID_OPTION', [
    () => all().input(wrongly('tag')),
    'input: the dataset has no input "tag"; did you mean "tags"?',
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => ids.input(wrongly('x')),
    'input: the dataset has one input, without a name',
  ]);
  await checkError(t, 'SHAPE_MISMATCH', [
    () =>
      all().concat(
        wrongly(fromInputs({ inputs: { ids, tags }, labels: [0, 1, 2, 0], classNames: ['a', 'b', 'c'] })),
      ),
    'concat: argument 0 has other inputs than the first dataset',
  ]);
});
