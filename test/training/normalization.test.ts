/** Running statistics and frozen layers, through the public interface. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { decodeSafetensors } from '../../lib/formats/safetensors.ts';
import {
  adagrad,
  batchNorm,
  conv2d,
  dense,
  fromArrays,
  globalAveragePool2d,
  iris,
  layerNorm,
  loadModel,
  type Model,
  relu,
  sequential,
  sgd,
  Trainer,
} from '../../lib/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'gradloom-normalization-'));
test.after.always(() => rm(folder, { recursive: true }));

const QUIET = { progress: 'none', shuffle: 'never' } as const;

const points = fromArrays({
  inputs: [
    [0, 10],
    [2, 10],
    [4, 40],
    [6, 20],
  ],
  inputShape: [2],
  labels: [0, 1, 1, 0],
});

const valuesOf = (model: Model, name: string) => [...(model.getWeights()[name]?.data ?? [])];

test('running statistics start at 0 and 1 and move by the momentum, the variance by the unbiased one', async (t) => {
  const model = sequential({ inputShape: [2] }, [batchNorm({ momentum: 0.25 }), dense({ units: 2 })]);
  t.deepEqual(valuesOf(model, 'batchNorm_1.runningMean'), [0, 0]);
  t.deepEqual(valuesOf(model, 'batchNorm_1.runningVariance'), [1, 1]);
  const trainer = new Trainer(model, {
    optimizer: sgd({ learningRate: 0.1, weightDecay: 0.5 }),
    loss: 'softmaxCrossEntropy',
  });
  await trainer.fit(points, { batchSize: 4, ...QUIET });
  // Means 3 and 20; sums of squares 20 and 600, over 3.
  t.deepEqual(valuesOf(model, 'batchNorm_1.runningMean'), [0.75, 5]);
  t.deepEqual(valuesOf(model, 'batchNorm_1.runningVariance'), [
    Math.fround(0.75 + (0.25 * 20) / 3),
    Math.fround(0.75 + 50),
  ]);
  // Then two batches of two: means 1, 10 and 5, 30; unbiased variances 2, 0 and 2, 200.
  await trainer.fit(points, { batchSize: 2, ...QUIET });
  t.deepEqual(
    valuesOf(model, 'batchNorm_1.runningMean'),
    [
      [0.75, 1, 5],
      [5, 10, 30],
    ].map(([start = 0, ...means]) => means.reduce((running, mean) => 0.75 * running + 0.25 * mean, start)),
  );
});

test('a last batch of one sample trains, and leaves the running variance as it is', async (t) => {
  const model = sequential({ inputShape: [2] }, [batchNorm(), dense({ units: 2 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  await trainer.fit(points.select([2]), { batchSize: 1, ...QUIET });
  t.deepEqual(valuesOf(model, 'batchNorm_1.runningVariance'), [1, 1]);
  t.deepEqual(
    valuesOf(model, 'batchNorm_1.runningMean'),
    [4, 40].map((value) => Math.fround(value * 0.1)),
  );
});

test('predictions of a sample do not depend on the others, unlike those of training', async (t) => {
  const model = sequential({ inputShape: [2] }, [batchNorm(), dense({ units: 2 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  await trainer.fit(points, { batchSize: 4, epochs: 3, ...QUIET });
  const [alone, together] = [
    [[4, 40]],
    [
      [4, 40],
      [0, 10],
      [-7, 3],
    ],
  ].map((inputs) => model.predictSync(inputs));
  t.deepEqual(alone?.data, together?.data.slice(0, 2));
});

function normalizedNet() {
  return sequential({ inputShape: [6, 5, 2], seed: 4 }, [
    conv2d({ filters: 5, kernelSize: 3, trainable: false }),
    batchNorm({ momentum: 0.3 }),
    relu(),
    conv2d({ filters: 4, kernelSize: 2, bias: false }),
    layerNorm({ axes: 3 }),
    globalAveragePool2d(),
    dense({ units: 3 }),
  ]);
}

const images = fromArrays({
  inputs: Float32Array.from({ length: 40 * 60 }, (_, index) => Math.sin(index * index)),
  inputShape: [6, 5, 2],
  labels: Int32Array.from({ length: 40 }, (_, index) => index % 3),
});

test('a model with statistics and a frozen layer comes back from its file, and trains on from a checkpoint bit by bit', async (t) => {
  const settings = { optimizer: adagrad({ learningRate: 0.05 }), loss: 'softmaxCrossEntropy' } as const;
  const whole = new Trainer(normalizedNet(), settings);
  await whole.fit(images, { batchSize: 16, epochs: 4, ...QUIET });

  const first = new Trainer(normalizedNet(), settings);
  await first.fit(images, { batchSize: 16, epochs: 2, ...QUIET });
  const path = join(folder, 'checkpoint.safetensors');
  await first.save(path);
  const second = await Trainer.load(path);
  await second.fit(images, { batchSize: 16, epochs: 2, ...QUIET });
  t.deepEqual(second.model.getWeights(), whole.model.getWeights());

  // Statistics and frozen weights have no optimizer state.
  const { tensors } = decodeSafetensors(await readFile(path), path);
  const states = [...tensors.keys()].filter((name) => name.endsWith('.accumulator'));
  t.deepEqual(states, [
    'batchNorm_1.weight.accumulator',
    'batchNorm_1.bias.accumulator',
    'conv2d_2.weight.accumulator',
    'layerNorm_1.weight.accumulator',
    'layerNorm_1.bias.accumulator',
    'dense_1.weight.accumulator',
    'dense_1.bias.accumulator',
  ]);
  const loaded = await loadModel(path);
  t.is(loaded.summary(), first.model.summary());
  t.deepEqual(await loaded.predict(images), await first.model.predict(images));
});

test('what is frozen stays, and everything else trains', async (t) => {
  const model = normalizedNet();
  const before = model.getWeights();
  const trainer = new Trainer(model, {
    optimizer: sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 }),
    loss: 'softmaxCrossEntropy',
  });
  await trainer.fit(images, { batchSize: 16, ...QUIET });
  const after = model.getWeights();
  const changed = Object.keys(after).filter((name) =>
    after[name]?.data.some((value, index) => value !== before[name]?.data[index]),
  );
  const frozen = ['conv2d_1.weight', 'conv2d_1.bias'];
  t.deepEqual(
    changed,
    Object.keys(after).filter((name) => !frozen.includes(name)),
  );
});

test('training a whole model with normalisation learns iris', async (t) => {
  const [train, held] = (await iris()).split({ fraction: 0.8, seed: 1, stratify: 'labels' });
  const model = sequential({ inputShape: [4], seed: 1 }, [
    batchNorm(),
    dense({ units: 16, bias: false }),
    batchNorm(),
    relu(),
    dense({ units: 3 }),
  ]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy'],
  });
  await trainer.fit(train, { epochs: 30, batchSize: 16, progress: 'none' });
  const { accuracy } = await trainer.evaluate(held);
  t.true(accuracy >= 0.9, `accuracy ${accuracy}`);
});
