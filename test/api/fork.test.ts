import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  conv2d,
  dense,
  flatten,
  fromArrays,
  loadModel,
  maxPool2d,
  relu,
  sequential,
  sgd,
  Trainer,
} from '../../lib/index.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

const samples = Float32Array.from({ length: 5 * 36 * 2 }, (_, index) => Math.sin(index));
const set = fromArrays({
  inputs: samples,
  inputShape: [6, 6, 2],
  labels: [0, 1, 2, 1, 0],
  scale: [2, 0.5],
  shift: -1,
});

const network = () =>
  sequential({ inputShape: [6, 6, 2], seed: 7 }, [
    conv2d({ filters: 3, kernelSize: 3, activation: 'tanh' }),
    maxPool2d(),
    flatten(),
    dense({ units: 4, name: 'hidden' }),
    relu(),
    dense({ units: 3 }),
  ]);

async function trained() {
  const model = network();
  await new Trainer(model, { optimizer: sgd({ learningRate: 0.1 }), loss: 'softmaxCrossEntropy' }).fit(set, {
    epochs: 2,
    batchSize: 2,
  });
  return model;
}

test('a clone equals its model to the bit, and each goes its own way', async (t) => {
  const model = await trained();
  const weights = model.getWeights();
  const clone = model.clone();
  t.deepEqual(clone.getWeights(), weights);
  t.deepEqual(clone.predictSync(samples), model.predictSync(samples));
  t.deepEqual((await clone.classify(samples)).labels, (await model.classify(samples)).labels);
  t.deepEqual(clone.preprocessing, set.preprocessing);

  await new Trainer(clone, { optimizer: sgd(), loss: 'softmaxCrossEntropy' }).fit(set);
  t.notDeepEqual(clone.getWeights(), weights);
  t.deepEqual(model.getWeights(), weights);
});

test('a model may be cloned while it trains', async (t) => {
  const model = await trained();
  const before = model.getWeights();
  const run = new Trainer(model, { optimizer: sgd(), loss: 'softmaxCrossEntropy' }).fit(set, { epochs: 3 });
  const clone = model.clone();
  const then = clone.getWeights();
  await run;
  t.notDeepEqual(model.getWeights(), before);
  t.deepEqual(clone.getWeights(), then);
});

test('a fork takes layers and their weights, and new ones start from its seed', async (t) => {
  const model = await trained();
  const old = model.getWeights();
  const fork = model.fork({ last: 'hidden', seed: 3 }, [relu(), dense({ units: 2 })]);
  t.deepEqual(
    fork.layers.map(({ name }) => name),
    ['conv2d_1', 'maxPool2d_1', 'flatten_1', 'hidden', 'relu_1', 'dense_2'],
  );
  const weights = fork.getWeights();
  for (const name of ['conv2d_1.weight', 'conv2d_1.bias', 'hidden.weight', 'hidden.bias']) {
    t.deepEqual(weights[name], old[name], name);
  }
  const other = model.fork({ last: 'hidden', seed: 4 }, [relu(), dense({ units: 2 })]).getWeights();
  t.notDeepEqual(weights['dense_2.weight'], other['dense_2.weight']);
  t.deepEqual(weights['hidden.weight'], other['hidden.weight']);

  await new Trainer(fork, { optimizer: sgd(), loss: 'softmaxCrossEntropy' }).fit(
    fromArrays({ ...model.preprocessing, inputs: samples, inputShape: [6, 6, 2], labels: [0, 1, 1, 1, 0] }),
  );
  t.notDeepEqual(fork.getWeights(), weights);
  t.deepEqual(model.getWeights(), old);
});

test('a new layer of a name that was left behind starts anew', async (t) => {
  const model = await trained();
  const fork = model.fork({ last: 'relu_1' }, [dense({ units: 3, name: 'dense_2' })]);
  t.notDeepEqual(fork.getWeights()['dense_2.weight'], model.getWeights()['dense_2.weight']);
});

test('a fork in two parts computes what the whole does', async (t) => {
  const model = await trained();
  const front = model.fork({ last: 'flatten_1' });
  const back = model.fork({ first: 'hidden' });
  t.deepEqual(front.outputShape, [12]);
  t.deepEqual(back.inputShape, [12]);
  // Raw samples are preprocessed in front, and what lies between is not preprocessed again.
  t.deepEqual(back.predictSync(front.predictSync(samples).data), model.predictSync(samples));
  t.is(back.preprocessing, undefined);
});

test('a fork keeps the preprocessing, also in a file, unless it is told not to', async (t) => {
  const model = await trained();
  const fork = model.fork({ last: 'flatten_1' }, [dense({ units: 3 })]);
  const path = join(mkdtempSync(join(tmpdir(), 'gradloom-')), 'fork.safetensors');
  await fork.save(path);
  const loaded = await loadModel(path);
  t.deepEqual(loaded.preprocessing, set.preprocessing);
  t.deepEqual(loaded.predictSync(samples), fork.predictSync(samples));
  await t.throwsAsync(loaded.classify(samples), { code: 'INVALID_OPTION', message: /has no loss/ });

  const plain = fromArrays({ inputs: samples, inputShape: [6, 6, 2], labels: [0, 1, 2, 1, 0] });
  const options = { optimizer: sgd(), loss: 'softmaxCrossEntropy' } as const;
  t.throws(() => new Trainer(fork, options).fit(plain), { code: 'INVALID_DATA' });
  const renewed = model.fork({ preprocessing: 'new' });
  t.is(renewed.preprocessing, undefined);
  await new Trainer(renewed, options).fit(plain);
  t.deepEqual(renewed.preprocessing, plain.preprocessing);
});

test('names of new layers avoid those that are taken', (t) => {
  const layers = [1, 2, 3].map((units) => dense({ units }));
  const model = sequential({ inputShape: [2] }, layers).fork({ first: 'dense_2' }, [
    dense({ units: 4 }),
    dense({ units: 5 }),
  ]);
  t.deepEqual(
    model.layers.map(({ name }) => name),
    ['dense_2', 'dense_3', 'dense_4', 'dense_5'],
  );
});

const invalid: readonly WrongUse[] = [
  [
    () => network().fork({ last: 'flatten_2' }),
    'fork: last names no layer "flatten_2"; did you mean "flatten_1"?',
  ],
  [
    () => network().fork({ first: 'hidden', last: 'conv2d_1' }),
    'fork: last "conv2d_1" stands before first "hidden"; the layers are conv2d_1, maxPool2d_1, flatten_1, hidden, relu_1 and dense_2',
  ],
  [
    () => network().fork({ last: 'hidden' }, [dense({ units: 2, name: 'hidden' })]),
    'fork: layers[3] and layers[4] are both named "hidden"; give one of them another name',
  ],
  [
    () => network().fork({}, wrongly(dense({ units: 2 }))),
    'fork: the new layers must be a list of layers, got an object',
  ],
  [
    () => network().fork({}, wrongly([{ kind: 'dens' }])),
    'fork: layers[0] has the unknown kind "dens"; did you mean "dense"?',
  ],
];

testErrors(test, 'INVALID_OPTION', invalid);
testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => network().fork({ last: 'conv2d_1' }, [dense({ units: 2 })]),
    'dense "dense_1": takes vectors of features, got samples of shape [4, 4, 3]; put a flatten() before it',
  ],
]);
