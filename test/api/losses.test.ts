import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  adagrad,
  dense,
  fromArrays,
  hinge,
  huber,
  type LossChoice,
  loadModel,
  meanAbsoluteErrorLoss,
  poisson,
  sequential,
  sgd,
  sigmoidBinaryCrossEntropy,
  smoothL1,
  softmaxCrossEntropy,
  squaredHinge,
  Trainer,
} from '../../lib/index.ts';
import { testErrors, wrongly } from './errors.ts';

/** A model that gives its inputs back. */
function identity(size: number) {
  const model = sequential({ inputShape: [size] }, [dense({ units: size })]);
  const data = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  model.setWeights({
    'dense_1.weight': { data, shape: [size, size] },
    'dense_1.bias': { data: new Float32Array(size), shape: [size] },
  });
  return model;
}

const near = (t: ExecutionContext, got: number, expected: number) =>
  t.true(Math.abs(got - expected) < 1e-6 * Math.max(1, Math.abs(expected)), `${got} is not ${expected}`);

const logits = [
  [1, 2, 3],
  [0, -1, 4],
  [2, 2, 2],
  [5, 0, 1],
];
/** The logarithm of the softmax of each row. */
const logs = logits.map((row) => {
  const logSum = Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
  return row.map((z) => z - logSum);
});
const log = (row: number, label: number) => logs[row]?.[label] as number;

test('softmaxCrossEntropy: class weights are divided by their sum over all batches', async (t) => {
  const dataset = fromArrays({ inputs: logits, inputShape: [3], labels: [0, 1, 2, 0] });
  const loss = softmaxCrossEntropy({ classWeights: [1, 2, 0.5] });
  const expected = -(log(0, 0) + 2 * log(1, 1) + 0.5 * log(2, 2) + log(3, 0)) / 4.5;
  for (const batchSize of [1, 3, 4]) {
    near(t, (await identity(3).evaluate(dataset, { loss, batchSize })).loss, expected);
  }
});

test('softmaxCrossEntropy: ignored samples count for nothing, also where no others are left', async (t) => {
  const dataset = fromArrays({ inputs: logits, inputShape: [3], labels: [0, 255, 2, 255] });
  const loss = softmaxCrossEntropy({ ignoreIndex: 255 });
  for (const batchSize of [1, 3, 4]) {
    const result = await identity(3).evaluate(dataset, { loss, metrics: ['accuracy'], batchSize });
    near(t, result.loss, -(log(0, 0) + log(2, 2)) / 2);
    t.is(result.accuracy, 0);
  }
  const none = dataset.select([1, 3]);
  t.is((await identity(3).evaluate(none, { loss })).loss, 0);
  const model = identity(3);
  const before = model.getWeights();
  await new Trainer(model, { optimizer: adagrad(), loss }).fit(none);
  t.deepEqual(model.getWeights(), before);
});

test('softmaxCrossEntropy: smoothing and distributions', async (t) => {
  const classes = fromArrays({ inputs: logits, inputShape: [3], labels: [0, 1, 2, 0] });
  const targets = [0, 1, 2, 0].map((label) => [0, 1, 2].map((i) => (i === label ? 0.7 : 0) + 0.1));
  const soft = fromArrays({ inputs: logits, inputShape: [3], labels: targets });
  const smoothed = await identity(3).evaluate(classes, {
    loss: softmaxCrossEntropy({ labelSmoothing: 0.3 }),
  });
  const distributions = softmaxCrossEntropy({ targets: 'distributions' });
  near(t, (await identity(3).evaluate(soft, { loss: distributions })).loss, smoothed.loss);
});

test('losses of values and of margins, by their names and by their functions', async (t) => {
  const errors = [0.5, -0.25, 3, -2];
  const values = fromArrays({
    inputs: errors.map((error) => [error]),
    inputShape: [1],
    labels: new Float32Array(4),
  });
  const cases: readonly (readonly [LossChoice, number])[] = [
    ['meanAbsoluteError', 5.75 / 4],
    [meanAbsoluteErrorLoss(), 5.75 / 4],
    ['huber', (0.125 + 0.03125 + 2.5 + 1.5) / 4],
    [huber({ delta: 0.25 }), (0.25 * (0.375 + 2.875 + 1.875) + 0.03125) / 4],
    ['smoothL1', (0.125 + 0.03125 + 2.5 + 1.5) / 4],
    [smoothL1({ beta: 0.25 }), (0.375 + 0.125 + 2.875 + 1.875) / 4],
    [poisson(), errors.reduce((sum, error) => sum + Math.exp(error), 0) / 4],
    // 0 stands for -1
    ['hinge', (1.5 + 0.75 + 4) / 4],
    [squaredHinge(), (1.5 ** 2 + 0.75 ** 2 + 16) / 4],
  ];
  for (const [loss, expected] of cases) {
    near(t, (await identity(1).evaluate(values, { loss, batchSize: 3 })).loss, expected);
  }
  const classes = fromArrays({
    inputs: errors.map((error) => [error]),
    inputShape: [1],
    labels: [0, 1, 1, 0],
  });
  near(t, (await identity(1).evaluate(classes, { loss: hinge() })).loss, (1.5 + 1.25) / 4);
});

test('sigmoidBinaryCrossEntropy: a positive weight is a yes said so many times', async (t) => {
  const inputs = [[1], [-2], [0.5]];
  const weighted = fromArrays({ inputs, inputShape: [1], labels: [1, 1, 0] });
  const repeated = weighted.select([0, 0, 0, 1, 1, 1, 2]);
  const loss = sigmoidBinaryCrossEntropy({ positiveWeight: 3 });
  const one = await identity(1).evaluate(weighted, { loss });
  const many = await identity(1).evaluate(repeated, { loss: 'sigmoidBinaryCrossEntropy' });
  near(t, one.loss * 3, many.loss * 7);
  const list = await identity(1).evaluate(weighted, {
    loss: sigmoidBinaryCrossEntropy({ positiveWeight: [3] }),
  });
  t.is(list.loss, one.loss);
});

test('every loss learns', async (t) => {
  const inputs = Array.from({ length: 32 }, (_, i) => [i / 16 - 1, ((i * 7) % 32) / 16 - 1]);
  const labels = inputs.map(([a = 0, b = 0]) => [a + b > 0 ? 1 : -1]);
  const train = fromArrays({ inputs, inputShape: [2], labels });
  for (const loss of ['meanAbsoluteError', 'huber', 'smoothL1', 'hinge', 'squaredHinge'] as const) {
    const model = sequential({ inputShape: [2] }, [dense({ units: 1 })]);
    const { epochs } = await new Trainer(model, { optimizer: sgd({ learningRate: 0.1 }), loss }).fit(train, {
      epochs: 20,
    });
    t.true((epochs[19]?.loss ?? 1) < (epochs[0]?.loss ?? 0) * 0.8, loss);
  }
});

test('a model keeps the options of its loss', async (t) => {
  const dataset = fromArrays({ inputs: logits, inputShape: [3], labels: [0, 255, 2, 0] });
  const loss = softmaxCrossEntropy({ ignoreIndex: 255, classWeights: [1, 2, 3], labelSmoothing: 0.1 });
  const model = identity(3);
  await new Trainer(model, { optimizer: adagrad(), loss }).fit(dataset);
  const path = join(tmpdir(), `gradloom-loss-${process.pid}.safetensors`);
  await model.save(path);
  const loaded = await loadModel(path);
  t.deepEqual(await loaded.evaluate(wrongly(dataset)), await model.evaluate(dataset));
});

const classes = fromArrays({ inputs: logits, inputShape: [3], labels: [0, 1, 2, 2] });
const signs = fromArrays({ inputs: logits, inputShape: [3], labels: logits });
const oneValue = (...labels: number[]) =>
  fromArrays({ inputs: [[1], [2]], inputShape: [1], labels: labels.map((label) => [label]) });
const distributions = (...labels: number[][]) =>
  fromArrays({
    inputs: [
      [1, 2, 3],
      [3, 2, 1],
    ],
    inputShape: [3],
    labels,
  });
const soft = softmaxCrossEntropy({ targets: 'distributions' });
const ended = sequential({ inputShape: [3] }, [dense({ units: 1, activation: 'sigmoid' })]);

testErrors(test, 'INVALID_OPTION', [
  [
    () => softmaxCrossEntropy(wrongly({ targets: 'soft' })),
    'softmaxCrossEntropy: targets must be "classes" or "distributions", got "soft"',
  ],
  [
    () => softmaxCrossEntropy({ labelSmoothing: 1.5 }),
    'softmaxCrossEntropy: labelSmoothing must be a number from 0 to 1, got 1.5',
  ],
  [
    () => softmaxCrossEntropy({ classWeights: [1, -1] }),
    'softmaxCrossEntropy: classWeights must be a list of finite numbers of at least 0, one a class, got [1, -1]',
  ],
  [
    () => softmaxCrossEntropy(wrongly({ targets: 'distributions', ignoreIndex: 1 })),
    'softmaxCrossEntropy: ignoreIndex needs class indices; leave out targets "distributions"',
  ],
  [
    () => softmaxCrossEntropy(wrongly({ classWeight: [1] })),
    'softmaxCrossEntropy: unknown option "classWeight"; did you mean "classWeights"?',
  ],
  [
    () => identity(3).evaluate(classes, { loss: softmaxCrossEntropy({ classWeights: [1, 2] }) }),
    'evaluate: softmaxCrossEntropy has 2 classWeights, and the model outputs for 3 classes; give one weight a class',
  ],
  [
    () => sigmoidBinaryCrossEntropy({ positiveWeight: 0 }),
    'sigmoidBinaryCrossEntropy: positiveWeight must be a finite number above 0, or a list of them, one an output, got 0',
  ],
  [
    () => identity(3).evaluate(signs, { loss: sigmoidBinaryCrossEntropy({ positiveWeight: [1, 2] }) }),
    'evaluate: sigmoidBinaryCrossEntropy has 2 values of positiveWeight, and the model 3 outputs; give one an output, or one number for all',
  ],
  [() => huber({ delta: 0 }), 'huber: delta must be a finite number above 0, got 0'],
  [() => smoothL1({ beta: -1 }), 'smoothL1: beta must be a finite number above 0, got -1'],
  [
    () => ended.evaluate(classes, { loss: 'hinge' }),
    'evaluate: hinge takes margins on both sides of 0, and the model ends in sigmoid; remove that activation',
  ],
]);
testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => identity(3).evaluate(classes, { loss: 'squaredHinge' }),
    'evaluate: in the dataset squaredHinge with class labels needs a model with one output, and this one gives [3]; for several classes use softmaxCrossEntropy',
  ],
]);
testErrors(test, 'LABEL_OUT_OF_RANGE', [
  [
    () =>
      identity(3).evaluate(fromArrays({ inputs: logits, inputShape: [3], labels: [0, 3, 255, 0] }), {
        loss: softmaxCrossEntropy({ ignoreIndex: 255 }),
      }),
    'evaluate: in the dataset sample 1 has class 3, and the model has outputs for classes 0 to 2; end it with dense({ units: 4 })',
  ],
  [
    () => identity(1).evaluate(oneValue(0, 1.25), { loss: 'sigmoidBinaryCrossEntropy' }),
    'evaluate: in the dataset sigmoidBinaryCrossEntropy takes values from 0 to 1, and sample 1 has 1.25',
  ],
  [
    () => identity(1).evaluate(oneValue(0.5, -1.1).select([1, 1]), { loss: 'sigmoidBinaryCrossEntropy' }),
    'evaluate: in the dataset sigmoidBinaryCrossEntropy takes values from 0 to 1, and sample 0 has -1.1',
  ],
  [
    () => identity(1).evaluate(oneValue(3, -1), { loss: 'poisson' }),
    'evaluate: in the dataset poisson takes counts of at least 0, and sample 1 has -1',
  ],
  [
    () => identity(1).evaluate(oneValue(-1, 0.5), { loss: 'hinge' }),
    'evaluate: in the dataset hinge takes values of -1 and 1 (or 0 and 1), and sample 1 has 0.5',
  ],
  [
    () => identity(1).evaluate(oneValue(-1, 2), { loss: 'squaredHinge' }),
    'evaluate: in the dataset squaredHinge takes values of -1 and 1 (or 0 and 1), and sample 1 has 2',
  ],
  [
    () => identity(3).evaluate(distributions([0.5, 0.5, 0], [1.5, -0.5, 0]), { loss: soft }),
    'evaluate: in the dataset softmaxCrossEntropy takes probabilities of at least 0, and sample 1 has -0.5 as value 1',
  ],
  [
    () => identity(3).evaluate(distributions([0.5, 0.5, 0], [0.5, 0.75, 0]), { loss: soft }),
    'evaluate: in the dataset softmaxCrossEntropy takes probabilities with a sum of 1, and those of sample 1 sum up to 1.25; divide them by it, and use sampleWeights for what a sample weighs',
  ],
]);

test('labels out of range are refused before a run changes anything, also those of validation', async (t) => {
  const model = identity(1);
  const before = model.getWeights();
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'poisson' });
  t.throws(() => trainer.fit(oneValue(1, -2)), { message: /sample 1 has -2/ });
  t.throws(() => trainer.fit(oneValue(1, 2), { validation: oneValue(-3, 1) }), {
    message: /in the validation set poisson .*sample 0 has -3/,
  });
  t.deepEqual(model.getWeights(), before);
  const thirds = distributions([1 / 3, 1 / 3, 1 / 3], [0, 1, 0]);
  await t.notThrowsAsync(identity(3).evaluate(thirds, { loss: soft }));
});
