import test from 'ava';
import {
  adagrad,
  type Dataset,
  dense,
  flatten,
  fromArrays,
  GradloomError,
  type Model,
  sequential,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { checkError, testErrors, type WrongUse, wrongly } from './errors.ts';

const EYE = { data: new Float32Array([1, 0, 0, 1]), shape: [2, 2] };
const ZERO = { data: new Float32Array(2), shape: [2] };

/** Two inputs that come out as they are. */
function identity() {
  const model = sequential({ inputShape: [2] }, [dense({ units: 2 })]);
  model.setWeights({ 'dense_1.weight': EYE, 'dense_1.bias': ZERO });
  return model;
}

const points = fromArrays({
  inputs: [
    [0, 1],
    [2, 3],
    [4, 9],
    [6, 7],
  ],
  inputShape: [2],
  labels: [0, 1, 1, 0],
});

/** Trains with a learning rate of 0, so that the weights stay. */
async function pretend(
  model: Model<readonly [2], readonly [number]>,
  train: Dataset<readonly [2], 'class'>,
): Promise<void> {
  await new Trainer(model, { optimizer: adagrad({ learningRate: 0 }), loss: 'softmaxCrossEntropy' }).fit(
    train,
  );
}

test('getWeights gives copies, in the order of the layers', (t) => {
  const model = identity();
  const weights = model.getWeights();
  t.deepEqual(weights, { 'dense_1.weight': EYE, 'dense_1.bias': ZERO });
  weights['dense_1.bias']?.data.fill(5);
  t.deepEqual(model.getWeights()['dense_1.bias'], ZERO);
});

test('setWeights copies', (t) => {
  const model = identity();
  const bias = new Float32Array([1, 2]);
  model.setWeights({ 'dense_1.weight': EYE, 'dense_1.bias': { data: bias, shape: [2] } });
  bias.fill(9);
  t.deepEqual(model.predictSync([[0, 0]]).data, new Float32Array([1, 2]));
});

test('setWeights changes nothing when one of them is wrong', (t) => {
  const model = identity();
  const before = model.getWeights();
  t.throws(() => model.setWeights({ 'dense_1.weight': { ...EYE, data: new Float32Array(4) } }));
  t.throws(() => model.setWeights({ 'dense_1.weight': EYE, 'dense_1.bias': { ...ZERO, shape: [1, 2] } }));
  t.deepEqual(model.getWeights(), before);
});

test('predict takes float32, bytes and lists, also many samples in small passes', async (t) => {
  const model = identity();
  const expected = { data: new Float32Array([1, 2, 3, 4, 5, 6]), shape: [3, 2] };
  const lists = [
    [1, 2],
    [3, 4],
    [5, 6],
  ];
  t.deepEqual(await model.predict(Float32Array.of(1, 2, 3, 4, 5, 6)), wrongly(expected));
  t.deepEqual(await model.predict(Uint8Array.of(1, 2, 3, 4, 5, 6), { batchSize: 2 }), wrongly(expected));
  t.deepEqual(await model.predict(lists, { threads: 1 }), wrongly(expected));
  t.deepEqual(model.predictSync(lists, { batchSize: 1 }), wrongly(expected));
  t.deepEqual(model.predictSync(Float32Array.of(1, 2)).shape, [1, 2]);
});

test('lists may be nested as the shape says', (t) => {
  const model = sequential({ inputShape: [2, 1, 2] }, [flatten()]);
  const data = new Float32Array([1, 2, 3, 4]);
  t.deepEqual(model.predictSync([[[[1, 2]], [[3, 4]]]]).data, data);
  t.deepEqual(model.predictSync([[1, 2, 3, 4]]).data, data);
});

test('what happens to the samples while a model predicts does not matter', async (t) => {
  const model = identity();
  const samples = Float32Array.of(1, 2);
  const prediction = model.predict(samples);
  samples.fill(9);
  structuredClone(samples, { transfer: [samples.buffer] });
  t.deepEqual((await prediction).data, new Float32Array([1, 2]));
  await t.throwsAsync(model.predict(samples), { code: 'INVALID_DATA' });
});

test('predictSync reads floats where they lie, parts of larger buffers and shared ones too, and checks every value', (t) => {
  const count = 5;
  const model = sequential({ inputShape: [7], seed: 3 }, [dense({ units: 4, activation: 'tanh' })]);
  const whole = Float32Array.from({ length: 7 * count + 3 }, (_, i) => Math.sin(i));
  const samples = whole.subarray(3);
  const lists = Array.from({ length: count }, (_, row) => [...samples.subarray(7 * row, 7 * row + 7)]);
  const expected = model.predictSync(lists);
  const before = whole.slice();
  t.deepEqual(model.predictSync(samples), expected);
  t.deepEqual(model.predictSync(samples, { batchSize: 2 }), expected);
  const shared = new Float32Array(new SharedArrayBuffer(4 * samples.length));
  shared.set(samples);
  t.deepEqual(model.predictSync(shared), expected);
  t.deepEqual(whole, before);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (const [place, kept] of samples.entries()) {
      samples[place] = value;
      t.throws(() => model.predictSync(samples), {
        code: 'INVALID_DATA',
        message: new RegExp(`value ${place % 7} of sample ${Math.floor(place / 7)} is ${value};`),
      });
      samples[place] = kept;
    }
  }
  structuredClone(whole, { transfer: [whole.buffer] });
  t.throws(() => model.predictSync(samples), { code: 'INVALID_DATA' });
});

test('raw samples are preprocessed as the training data were, datasets bring their own', async (t) => {
  const model = identity();
  const [train] = standardize(points);
  t.deepEqual((await model.predict([[3, 5]])).data, new Float32Array([3, 5]));
  await pretend(model, train);
  const { data } = await model.predict([[3, 5]]);
  t.deepEqual(
    [...data].map((value) => Math.abs(Math.round(value))),
    [0, 0],
  );
  t.deepEqual(
    (await model.predict(train)).data,
    (
      await model.predict([
        [0, 1],
        [2, 3],
        [4, 9],
        [6, 7],
      ])
    ).data,
  );
  t.deepEqual((await model.predict(points.take(1))).data, new Float32Array([0, 1]));
});

test('many predictions at once', async (t) => {
  const model = identity();
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, index) => model.predict([[index, 100 - index]])),
  );
  t.deepEqual(
    all.map(({ data }) => [...data]),
    Array.from({ length: 20 }, (_, index) => [index, 100 - index]),
  );
});

test('classify gives labels and probabilities of each class', async (t) => {
  const model = identity();
  await pretend(model, points);
  const { labels, probabilities } = await model.classify([
    [0, Math.log(3)],
    [1e4, -1e4],
    [5, 5],
  ]);
  t.deepEqual(labels, Int32Array.of(1, 0, 0));
  t.deepEqual(probabilities.shape, [3, 2]);
  t.deepEqual(probabilities.data, Float32Array.of(0.25, 0.75, 1, 0, 0.5, 0.5));
});

test('classify with one output tells 1 from 0', async (t) => {
  const model = sequential({ inputShape: [2] }, [dense({ units: 1 })]);
  model.setWeights({
    'dense_1.weight': { data: Float32Array.of(1, 0), shape: [1, 2] },
    'dense_1.bias': { data: Float32Array.of(0), shape: [1] },
  });
  const optimizer = adagrad({ learningRate: 0 });
  await new Trainer(model, { optimizer, loss: 'sigmoidBinaryCrossEntropy' }).fit(points);
  const { labels, probabilities } = await model.classify([
    [Math.log(3), 0],
    [-1e4, 0],
    [0, 0],
  ]);
  t.deepEqual(labels, Int32Array.of(1, 0, 0));
  t.deepEqual(probabilities, { data: Float32Array.of(0.75, 0, 0.5), shape: [3, 1] });
});

test('evaluate takes a loss and metrics, or the loss of training', async (t) => {
  const model = identity();
  const result = await model.evaluate(points, { loss: 'softmaxCrossEntropy', metrics: ['accuracy'] });
  t.is(result.accuracy, 0.5);
  const mean =
    (Math.log1p(Math.E) + Math.log1p(1 / Math.E) + Math.log1p(Math.exp(-5)) + Math.log1p(Math.E)) / 4;
  t.true(Math.abs(result.loss - mean) < 1e-6);
  await pretend(model, points);
  t.deepEqual(await model.evaluate(points, { batchSize: 3, threads: 1 }), { loss: result.loss });
});

test('a model that a trainer has not seen yet has no loss', async (t) => {
  const model = identity();
  await checkError(t, 'INVALID_OPTION', [
    () => model.classify([[1, 2]]),
    'classify: the model was not trained yet and so has no loss; train it, or use predict for the values of the last layer',
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => model.evaluate(points),
    'evaluate: the model was not trained yet and so has no loss; train it, or name one: { loss: "softmaxCrossEntropy" }',
  ]);
});

test('a regression knows no classes', async (t) => {
  const model = sequential({ inputShape: [1] }, [dense({ units: 1 })]);
  const line = fromArrays({ inputs: [[1], [2]], inputShape: [1], labels: Float32Array.of(1, 2) });
  await new Trainer(model, { optimizer: adagrad(), loss: 'meanSquaredError' }).fit(line);
  await checkError(t, 'INVALID_OPTION', [
    () => model.classify([[1]]),
    'classify: the model was trained with meanSquaredError, which knows no classes; use predict',
  ]);
});

test('an evaluation on data that are preprocessed otherwise is refused', async (t) => {
  const model = identity();
  const [train] = standardize(points);
  await pretend(model, train);
  const error = await t.throwsAsync(model.evaluate(points));
  t.true(error instanceof GradloomError);
  t.like(error, { code: 'INVALID_DATA' });
  t.regex(
    error?.message ?? '',
    /^evaluate: the dataset is preprocessed with scale \[1\] and shift \[0\], the model's training data with scale \[0\.\d.*; prepare both in one call, as in \[train, test\] = standardize\(train, test\), or give both the same scale and shift$/,
  );
});

test('models are frozen', (t) => {
  const model = identity();
  t.true(Object.isFrozen(model));
  t.true(Object.isFrozen(model.layers));
  t.throws(() => Object.assign(model, { inputShape: [3] }), { instanceOf: TypeError });
});

const model = identity();
const vectors = fromArrays({ inputs: [[1, 2, 3]], inputShape: [3], labels: [0] });

testErrors(test, 'INVALID_DATA', [
  [
    () => model.setWeights({ 'dense_1.weight': EYE }),
    'setWeights: dense_1.bias missing; give all weights of the model',
  ],
  [
    () => model.setWeights({}),
    'setWeights: dense_1.weight and dense_1.bias missing; give all weights of the model',
  ],
  [
    () => model.setWeights({ 'dense_1.wieght': EYE }),
    'setWeights: there is no weight "dense_1.wieght"; did you mean "dense_1.weight"?',
  ],
  [
    () => model.setWeights({ 'dense_1.weight': EYE, 'dense_1.bias': wrongly([0, 0]) }),
    'setWeights: dense_1.bias must be { data: Float32Array, shape: [2] }, got [0, 0]',
  ],
  [
    () => model.setWeights({ 'dense_1.weight': EYE, 'dense_1.bias': wrongly(null) }),
    'setWeights: dense_1.bias must be { data: Float32Array, shape: [2] }, got null',
  ],
  [
    () => model.predict(new Float32Array(0)),
    'predict: inputs has no values; it is empty, or its buffer was transferred away or made smaller',
  ],
]);

testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => model.setWeights({ 'dense_1.weight': { ...EYE, shape: [4] }, 'dense_1.bias': ZERO }),
    'setWeights: dense_1.weight has shape [4], expected [2, 2]',
  ],
  [
    () =>
      model.setWeights({ 'dense_1.weight': EYE, 'dense_1.bias': { data: new Float32Array(3), shape: [2] } }),
    'setWeights: dense_1.bias has 3 values, its shape [2] needs 2',
  ],
  [
    () => model.predict(new Float32Array(3)),
    'predict: inputs has 3 values, which is no multiple of the 2 of one sample [2]',
  ],
  [() => model.predictSync([[1, 2], [3]]), 'predictSync: inputs[1] must be an array of 2, got [3]'],
  [() => model.predict(wrongly([1, 2])), 'predict: inputs[0] must be an array of 2, got 1'],
  [
    () => model.predict(wrongly(vectors)),
    'predict: the dataset has samples of shape [3], the model takes [2]',
  ],
  [
    () => model.evaluate(wrongly(vectors), { loss: 'softmaxCrossEntropy' }),
    'evaluate: the dataset has samples of shape [3], the model takes [2]',
  ],
]);

const KINDS = 'a Float32Array, a Uint8Array or an array of samples, or a Dataset';

const WRONG: readonly WrongUse[] = [
  [() => model.predict(wrongly(undefined)), `predict: inputs must be ${KINDS}, got undefined`],
  [() => model.predict(wrongly([])), `predict: inputs must be ${KINDS}, got []`],
  [
    () => model.predict(wrongly(Float64Array.of(1, 2))),
    `predict: inputs must be ${KINDS}, got Float64Array(2)`,
  ],
  [
    () => model.predict([[1, 2]], wrongly({ batchsize: 1 })),
    'predict: unknown option "batchsize"; did you mean "batchSize"?',
  ],
  [
    () => model.predict([[1, 2]], { batchSize: 0 }),
    'predict: batchSize must be an integer from 1 to 2147483647, got 0',
  ],
  [
    () => model.predictSync([[1, 2]], { threads: -1 }),
    'predictSync: threads must be an integer from 0 to 1024, got -1',
  ],
  [
    () => model.setWeights(wrongly(undefined)),
    'setWeights: weights must be an object such as getWeights() gives, got undefined',
  ],
  [
    () => model.evaluate(wrongly(5), { loss: 'softmaxCrossEntropy' }),
    'evaluate: the dataset must be a Dataset, got 5',
  ],
  [
    () => model.evaluate(points, { loss: wrongly('crossEntropy') }),
    'evaluate: loss has the unknown kind "crossEntropy"; there are hinge, huber, meanAbsoluteError, meanSquaredError, poisson, sigmoidBinaryCrossEntropy, smoothL1, softmaxCrossEntropy and squaredHinge',
  ],
  [
    () => model.evaluate(points, { loss: 'softmaxCrossEntropy', metrics: wrongly('accuracy') }),
    'evaluate: metrics must be a list such as ["accuracy"], got "accuracy"',
  ],
  [() => model.save(wrongly(undefined)), 'save: path must be a string that is not empty, got undefined'],
];

testErrors(test, 'INVALID_OPTION', WRONG);
