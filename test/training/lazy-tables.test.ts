/** Rules with penalties on tables: what the API promises of rows that a step does not name. Threads: 1 and all there are. */
import { join } from 'node:path';
import test from 'ava';
import {
  adagradDualAveraging,
  cosineDecay,
  dense,
  fromSparse,
  ftrl,
  linearClassifier,
  linearRegressor,
  loadModel,
  type Model,
  proximalAdagrad,
  sequential,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';
import { folderWith } from '../datasets/files.ts';

const FEATURES = 2000;

/** Features 0 to 3 tell the class, the others are noise; the last 500 stand in no sample. */
const samples = Array.from({ length: 600 }, (_, i) => {
  const noise = Array.from(
    { length: 6 },
    (_, j) => 4 + ((i * 7919 + j * j * 104_729 + i * j * 31) % (FEATURES - 504)),
  );
  return [(i % 2) * 2 + ((i >> 1) % 2), ...noise];
});
const data = fromSparse({
  inputShape: [FEATURES],
  samples,
  labels: samples.map(([first]) => ((first ?? 0) >= 2 ? 1 : 0)),
});

const RULES = {
  proximalAdagrad: proximalAdagrad({ learningRate: 0.1, l1: 1e-3, l2: 1e-4 }),
  adagradDualAveraging: adagradDualAveraging({ learningRate: 0.1, l1: 1e-3, l2: 1e-4 }),
  ftrl: ftrl({ learningRate: 0.1, l1: 0.2 }),
};
const FIT = { epochs: 4, batchSize: 16, progress: 'none' } as const;

function makeModel(layer: typeof dense | typeof sparseDense): Model {
  return sequential({ inputShape: [FEATURES], seed: 1 }, [
    layer({ units: 2, name: 'it', weightInitializer: 'zeros' }),
  ]) as unknown as Model;
}

function trainerOf(model: Model, optimizer: (typeof RULES)[keyof typeof RULES], threads = 0) {
  return new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy', threads });
}

const weightsOf = (model: Model) => model.getWeights()['it.weight']?.data as Float32Array;
const zerosOf = (weights: Float32Array) => weights.filter((weight) => weight === 0).length;

for (const [kind, optimizer] of Object.entries(RULES)) {
  test(`${kind}: a table ends as the weights of a dense layer do, most of them exactly 0`, async (t) => {
    const [sparse, plain] = [makeModel(sparseDense), makeModel(dense)];
    for (const model of [sparse, plain]) await trainerOf(model, optimizer).fit(data as never, FIT);
    const [one, other] = [weightsOf(sparse), weightsOf(plain)];
    const far = one.filter((weight, i) => Math.abs(weight - (other[i] as number)) > 1e-4);
    t.is(far.length, 0, `${far}`);
    t.true(Math.abs(zerosOf(one) - zerosOf(other)) <= 4, `${zerosOf(one)} and ${zerosOf(other)} zeros`);
    t.true(zerosOf(one) > FEATURES && zerosOf(one) < 2 * FEATURES - 8, `${zerosOf(one)} zeros`);
    t.true([0, 1, 2, 3].every((feature) => one[feature] !== 0));
    const { accuracy } = await sparse.evaluate(data as never, { metrics: ['accuracy'] });
    t.is(accuracy, 1);
  });

  test(`${kind}: equal bits whether the model is read between steps or not, for 1 and all threads`, async (t) => {
    const [quiet, read] = [makeModel(sparseDense), makeModel(sparseDense)];
    await trainerOf(quiet, optimizer, 1).fit(data as never, FIT);
    const reader = trainerOf(read, optimizer);
    for await (const _ of reader.fit(data as never, { ...FIT, validation: data as never })) {
      t.is((await read.predict(data as never)).shape[0], 600);
      weightsOf(read);
      read.clone();
    }
    t.deepEqual(weightsOf(read), weightsOf(quiet));
  });

  test(`${kind}: a saved trainer goes on with the bits of one that was not, and the saved model is the trained one`, async (t) => {
    const [whole, parted] = [makeModel(sparseDense), makeModel(sparseDense)];
    const one = trainerOf(whole, optimizer);
    await one.fit(data as never, FIT);
    await one.fit(data as never, FIT);
    const other = trainerOf(parted, optimizer);
    await other.fit(data as never, FIT);
    const path = join(folderWith(t, {}), 'it.safetensors');
    await other.save(path);
    t.deepEqual(weightsOf((await loadModel(path)) as Model), weightsOf(parted));
    const loaded = await Trainer.load(path);
    await loaded.fit(data as never, FIT);
    t.deepEqual(weightsOf(loaded.model as Model), weightsOf(whole));
  });
}

test('weights that were set are where training goes on, untouched rows included', async (t) => {
  const model = makeModel(sparseDense);
  const trainer = trainerOf(model, RULES.proximalAdagrad);
  await trainer.fit(data as never, FIT);
  const ones = new Float32Array(2 * FEATURES).fill(1);
  model.setWeights({
    'it.weight': { data: ones, shape: [2, FEATURES] },
    'it.bias': { data: new Float32Array(2), shape: [2] },
  });
  t.deepEqual(weightsOf(model), ones);
  await trainer.fit(data as never, { ...FIT, epochs: 1 });
  // The last 500 features stand in no sample: 38 steps of the penalties alone, from the accumulator's start.
  const rate = 0.1 / Math.sqrt(0.1);
  let expected = 1;
  for (let step = 0; step < 38; step++) expected = (expected - rate * 1e-3) / (1 + rate * 1e-4);
  const rest = weightsOf(model).subarray(FEATURES - 500, FEATURES);
  t.true(
    rest.every((weight) => Math.abs(weight - expected) < 1e-6),
    `${rest[0]}, ${expected}`,
  );
});

test('linearClassifier and linearRegressor take an optimizer that leaves few weights', async (t) => {
  const { model } = await linearClassifier(data, {
    optimizer: ftrl({ learningRate: 0.5, l1: 1 }),
    epochs: 5,
  });
  const weights = model.getWeights()['sparseDense_1.weight']?.data as Float32Array;
  t.true(zerosOf(weights) > 1.9 * FEATURES, `${zerosOf(weights)}`);
  const { model: plain } = await linearClassifier(data, { epochs: 5 });
  t.true(zerosOf(plain.getWeights()['sparseDense_1.weight']?.data as Float32Array) < 1.9 * FEATURES);
  const targets = fromSparse({
    inputShape: [FEATURES],
    samples,
    labels: Float32Array.from(samples, ([first]) => (first ?? 0) - 1.5),
    labelShape: [1],
  });
  const { model: regression, losses } = await linearRegressor(targets, {
    optimizer: proximalAdagrad({ learningRate: 0.2, l1: 0.01 }),
  });
  t.true((losses.at(-1) as number) < 0.2 * (losses[0] as number), `${losses}`);
  t.true(zerosOf(regression.getWeights()['sparseDense_1.weight']?.data as Float32Array) > 0.9 * FEATURES);
  await t.throwsAsync(linearClassifier(data, { optimizer: ftrl(), learningRate: 0.1 }), {
    message: /learningRate is that of AdaGrad; give it to the optimizer/,
  });
});

test('a schedule, and another rate for a saved trainer, are refused: steps that are caught up on have one rate', async (t) => {
  const model = makeModel(sparseDense);
  const learningRate = cosineDecay({ from: 0.1, to: 0.01, steps: 100 });
  const trainer = trainerOf(model, proximalAdagrad({ learningRate, l1: 1e-3 }));
  const message = /cannot|catches up on the steps .* give a number as learningRate in place of a schedule/;
  await t.throwsAsync(async () => await trainer.fit(data as never, FIT), { code: 'INVALID_OPTION', message });
  t.throws(() => trainer.trainStep(data.take(4) as never, undefined as never), { code: 'INVALID_OPTION' });
  t.deepEqual(weightsOf(model), new Float32Array(2 * FEATURES));

  const steady = trainerOf(model, RULES.proximalAdagrad);
  await steady.fit(data as never, { ...FIT, epochs: 1 });
  const path = join(folderWith(t, {}), 'it.safetensors');
  await steady.save(path);
  await t.throwsAsync(Trainer.load(path, { learningRate: 0.05 }), {
    code: 'INVALID_OPTION',
    message: /trained by proximalAdagrad, whose state holds for the rate 0.1 only/,
  });
});
