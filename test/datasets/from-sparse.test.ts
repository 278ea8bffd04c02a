import test from 'ava';
import fc from 'fast-check';
import { fromArrays, fromSparse, standardize } from '../../lib/datasets/index.ts';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import { checkError, testErrors, wrongly } from '../api/errors.ts';
import { rowsOf } from './rows.ts';

test('samples as lists, with values and as compressed rows are the same samples', (t) => {
  const lists = fromSparse({
    inputShape: [4],
    samples: [[2, 0, 2], { indices: [3], values: [0.5] }, [], Uint32Array.of(1)],
    labels: [0, 1, 0, 1],
  });
  const rows = fromSparse({
    inputShape: [4],
    offsets: [0, 3, 4, 4, 5],
    indices: Uint32Array.of(2, 0, 2, 3, 1),
    values: Float32Array.of(1, 1, 1, 0.5, 1),
    labels: [0, 1, 0, 1],
  });
  t.deepEqual(rowsOf(lists), [
    [1, 0, 2, 0],
    [0, 0, 0, 0.5],
    [0, 0, 0, 0],
    [0, 1, 0, 0],
  ]);
  t.deepEqual(nativeSamples(lists), nativeSamples(rows));
  t.deepEqual([lists.length, lists.inputShape, lists.classCount], [4, [4], 2]);
  t.deepEqual(rowsOf(lists.select([3, 0]).concat(rows.take(1))), [
    [0, 1, 0, 0],
    [1, 0, 2, 0],
    [1, 0, 2, 0],
  ]);
});

test('lists without values keep none, and what is given may change later', (t) => {
  const indices = [1, 2];
  const data = fromSparse({ inputShape: [3], samples: [indices, []] });
  indices[0] = 0;
  t.deepEqual(rowsOf(data), [
    [0, 1, 1],
    [0, 0, 0],
  ]);
  t.is((nativeSamples(data).inputs as { values?: unknown }).values, undefined);
});

test('random compressed rows: at() gives what was put in, views and joined views too', (t) => {
  const sample = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: -9, max: 9 })), {
    maxLength: 9,
  });
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 8 }), (samples) => {
      const data = fromSparse({
        inputShape: [7],
        samples: samples.map((entries) => ({
          indices: entries.map(([feature]) => feature),
          values: entries.map(([, value]) => value),
        })),
      });
      const expected = samples.map((entries) => {
        const row = new Array<number>(7).fill(0);
        for (const [feature, value] of entries) row[feature] = (row[feature] as number) + value;
        return row;
      });
      t.deepEqual(rowsOf(data), expected);
      const backwards = data.select(samples.map((_, place) => samples.length - 1 - place));
      t.deepEqual(rowsOf(backwards.concat(data)), [...expected.toReversed(), ...expected]);
    }),
    { numRuns: 50 },
  );
});

test('ids stay integers', (t) => {
  const data = fromArrays({ inputs: Uint32Array.of(7, 0, 2 ** 31 - 1, 3), inputShape: [2] });
  t.deepEqual(nativeSamples(data).inputs, Int32Array.of(7, 0, 2 ** 31 - 1, 3));
  t.deepEqual(
    nativeSamples(data.select([1]).concat(data)).inputs,
    Int32Array.of(2 ** 31 - 1, 3, 7, 0, 2 ** 31 - 1, 3),
  );
});

const three = { inputShape: [3] } as const;

testErrors(test, 'ID_OUT_OF_RANGE', [
  [
    () => fromSparse({ ...three, samples: [[0], [1, 3]] }),
    'fromSparse: samples[1][1] must be the number of a feature, an integer from 0 to 2, got 3',
  ],
  [
    () => fromSparse({ ...three, offsets: [0, 1, 2], indices: [0, -1] }),
    'fromSparse: indices[1], of sample 1, must be the number of a feature, an integer from 0 to 2, got -1',
  ],
  [
    () => fromArrays({ inputs: Int32Array.of(0, 1, -2, 3), inputShape: [2] }),
    'fromArrays: inputs must be ids, integers from 0 to 2147483647, but value 0 of sample 1 is -2',
  ],
]);

testErrors(test, 'INVALID_DATA', [
  [
    () => fromSparse({ ...three, samples: [{ indices: [0.5], values: [1] }] }),
    'fromSparse: samples[0].indices[0] must be the number of a feature, an integer from 0 to 2, got 0.5',
  ],
  [
    () => fromSparse({ ...three, samples: new Array(1) }),
    'fromSparse: samples[0] must be a list of features or { indices, values }, got undefined',
  ],
  [
    () => fromSparse({ ...three, samples: [wrongly({ features: [1] })] }),
    'fromSparse: samples[0] must be a list of features or { indices, values }, got an object',
  ],
  [
    () => fromSparse({ ...three, offsets: [0, 2, 1], indices: [0, 1] }),
    'fromSparse: offsets[2] must be an integer from 2, the offset before, to 2, the number of indices, got 1',
  ],
  [
    () => fromSparse({ ...three, offsets: [0, 1], indices: [0, 1] }),
    'fromSparse: offsets go from 0 to 1; expected 0 to 2, the number of indices',
  ],
  [
    () => fromSparse({ ...three, samples: [] }),
    'fromSparse: there is no sample; a dataset holds at least one',
  ],
  [
    () => fromSparse({ ...three, samples: [{ indices: [1], values: [Number.NaN] }] }),
    'fromSparse: samples[0].values must be finite float32 numbers, but value 0 of sample 0 is NaN; mend or drop such samples',
  ],
  [
    () => standardize(fromSparse({ ...three, samples: [[1]] })),
    'standardize: the samples are sparse, and would have a value for every feature afterwards; scale the values that are given to fromSparse',
  ],
  [
    () =>
      fromSparse({ ...three, samples: [[1]] }).concat(fromArrays({ inputs: [[1, 2, 3]], inputShape: [3] })),
    'concat: some datasets are sparse and some are not; make all by fromSparse',
  ],
]);

testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => fromSparse({ ...three, samples: [{ indices: [1, 2], values: [1] }] }),
    'fromSparse: samples[0] has 2 indices and 1 values; expected one value for each',
  ],
  [
    () => fromSparse({ ...three, offsets: [0, 2], indices: [0, 1], values: [1] }),
    'fromSparse: values has 1 numbers; expected one for each of 2 indices',
  ],
]);

testErrors(test, 'INVALID_OPTION', [
  [
    () => fromSparse({ inputShape: wrongly([3, 2]), samples: [[1]] }),
    'fromSparse: inputShape must be the number of features alone, such as [1000], got [3, 2]',
  ],
  [
    () => fromSparse(three),
    'fromSparse: give either samples, or offsets and indices, with or without values',
  ],
  [
    () => fromSparse({ ...three, samples: [[1]], indices: [1] }),
    'fromSparse: give either samples, or offsets and indices, with or without values',
  ],
]);

test('options by the names of scikit-learn, SciPy, PyTorch and Keras: the error has ours', async (t) => {
  for (const [name, ours] of [
    ['features', 'inputShape'],
    ['numFeatures', 'inputShape'],
    ['n_features', 'inputShape'],
    ['input_dim', 'inputShape'],
    ['shape', 'inputShape'],
    ['indptr', 'offsets'],
    ['crow_indices', 'offsets'],
    ['col_indices', 'indices'],
    ['data', 'values'],
    ['X', 'samples'],
    ['inputs', 'samples'],
    ['y', 'labels'],
    ['targets', 'labels'],
    ['sample_weight', 'sampleWeights'],
  ]) {
    const message = `fromSparse: unknown option "${name}"; did you mean "${ours}"?`;
    await checkError(t, 'INVALID_OPTION', [
      () => fromSparse(wrongly({ ...three, [name as string]: 10 })),
      message,
    ]);
  }
  // Of names that mean several things, the one that is there.
  for (const [name, ours] of [
    ['data', 'inputs'],
    ['x', 'inputs'],
  ]) {
    const message = `fromArrays: unknown option "${name}"; did you mean "${ours}"?`;
    await checkError(t, 'INVALID_OPTION', [() => fromArrays(wrongly({ [name as string]: 10 })), message]);
  }
});
