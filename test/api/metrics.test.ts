import test from 'ava';
import {
  dense,
  fromArrays,
  rootMeanSquaredError,
  sequential,
  softmaxCrossEntropy,
  topKAccuracy,
} from '../../lib/index.ts';
import { testErrors } from './errors.ts';

const identity = sequential({ inputShape: [3] }, [dense({ units: 3 })]);
identity.setWeights({
  'dense_1.weight': { data: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), shape: [3, 3] },
  'dense_1.bias': { data: new Float32Array(3), shape: [3] },
});
const inputs = [
  [1, 2, 3],
  [3, 1, 2],
  [2, 3, 1],
  [1, 3, 2],
];
const classes = fromArrays({ inputs, inputShape: [3], labels: [1, 1, 1, 2] });

test('topKAccuracy and rootMeanSquaredError', async (t) => {
  const loss = 'softmaxCrossEntropy';
  const result = await identity.evaluate(classes, {
    loss,
    metrics: [topKAccuracy({ k: 2 }), 'accuracy'],
    batchSize: 3,
  });
  t.is(result.topKAccuracy, 0.75);
  t.is(result.accuracy, 0.25);
  const values = fromArrays({
    inputs,
    inputShape: [3],
    labels: inputs.map((row) => row.map((value) => value + 2)),
  });
  const metrics = [rootMeanSquaredError()] as const;
  const error = await identity.evaluate(values, { loss: 'meanSquaredError', metrics });
  t.is(error.rootMeanSquaredError, 2);
});

test('hinge tells classes apart at 0', async (t) => {
  const values = fromArrays({ inputs: [[0.2, -0.2, 1]], inputShape: [3], labels: [[1, -1, -1]] });
  const result = await identity.evaluate(values, { loss: 'hinge', metrics: ['binaryAccuracy'] });
  t.true(Math.abs(result.binaryAccuracy - 2 / 3) < 1e-9);
});

testErrors(test, 'INVALID_OPTION', [
  [() => topKAccuracy({ k: 0 }), 'topKAccuracy: k must be an integer from 1 to 2147483647, got 0'],
  [
    () =>
      identity.evaluate(classes, {
        loss: softmaxCrossEntropy({ targets: 'distributions' }),
        metrics: ['accuracy'],
      }),
    'evaluate: the metric accuracy needs labels that are classes, and this softmaxCrossEntropy takes distributions; leave it out',
  ],
  [
    () => identity.evaluate(classes, { loss: 'hinge', metrics: ['topKAccuracy'] }),
    'evaluate: the metric topKAccuracy needs one output a class and labels that are classes, which hinge does not take',
  ],
  [
    () => identity.evaluate(classes, { loss: 'poisson', metrics: ['rootMeanSquaredError'] }),
    'evaluate: the metric rootMeanSquaredError compares values, and under poisson outputs are logarithms of expected counts; use a customMetric',
  ],
]);
