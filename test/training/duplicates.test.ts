/** The option `duplicates` through the API, beside a loop in double. C++'s `duplicates_test.cc` has all layers, widths and threads. */
import { join } from 'node:path';
import test from 'ava';
import {
  adagrad,
  dense,
  embeddingBag,
  FunctionOptimizer,
  fromSparse,
  ftrl,
  linearClassifier,
  loadModel,
  type Model,
  type Optimizer,
  rowwiseAdagrad,
  sequential,
  sgd,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';
import { folderWith } from '../datasets/files.ts';

const FEATURES = 40;
const BATCH = 10;

/** The last sample is empty; feature 3 stands in each of the others, in every fifth one twice. */
const samples = Array.from({ length: 30 }, (_, i) => {
  const indices = i === 29 ? [] : [3, (i * 7) % FEATURES, ...(i % 5 ? [] : [3]), FEATURES - 1 - (i % 4)];
  return { indices, values: indices.map((_, j) => ((i * 5 + j * 3) % 7) / 4 - 0.5) };
});
const targets = samples.map((_, i) => Math.sin(i));
const data = fromSparse({
  inputShape: [FEATURES],
  samples,
  labels: Float32Array.from(targets),
  labelShape: [1],
});
const FIT = { epochs: 3, batchSize: BATCH, shuffle: 'never', progress: 'none' } as const;

function linear(): Model {
  return sequential({ inputShape: [FEATURES], seed: 1 }, [
    sparseDense({ units: 1, bias: false, weightInitializer: 'zeros', name: 'it' }),
  ]) as unknown as Model;
}

function trainerOf(model: Model, optimizer: Optimizer, threads = 0) {
  return new Trainer(model, { optimizer, loss: 'meanSquaredError', threads });
}

const weightsOf = (model: Model) => model.getWeights()['it.weight']?.data as Float32Array;

/** AdaGrad with one update an entry, the gradients as of the batch's start. */
function adagradByEntries(rate: number): Float64Array {
  const weights = new Float64Array(FEATURES);
  const sums = new Float64Array(FEATURES);
  for (let epoch = 0; epoch < FIT.epochs; epoch++) {
    for (let first = 0; first < samples.length; first += BATCH) {
      const before = weights.slice();
      for (let n = first; n < first + BATCH; n++) {
        const { indices = [], values = [] } = samples[n] ?? {};
        const y = indices.reduce((sum, id, e) => sum + (values[e] as number) * (before[id] as number), 0);
        const dy = (2 * (y - Math.fround(targets[n] as number))) / BATCH;
        for (const [e, id] of indices.entries()) {
          const g = dy * (values[e] as number);
          sums[id] = (sums[id] as number) + g * g;
          weights[id] = (weights[id] as number) - (rate * g) / (Math.sqrt(sums[id] as number) + 1e-10);
        }
      }
    }
  }
  return weights;
}

test('sequential AdaGrad is that of a loop in double over the entries, and not that of sums', async (t) => {
  const expected = adagradByEntries(0.1);
  const far = (model: Model) =>
    weightsOf(model).reduce((most, w, i) => Math.max(most, Math.abs(w - (expected[i] as number))), 0);
  for (const duplicates of ['sequential', 'hogwild'] as const) {
    const model = linear();
    await trainerOf(model, adagrad({ learningRate: 0.1, duplicates }), 1).fit(data as never, FIT);
    t.true(far(model) < 1e-5, `${far(model)}`);
  }
  const summed = linear();
  await trainerOf(summed, adagrad({ learningRate: 0.1 })).fit(data as never, FIT);
  t.true(far(summed) > 0.01, `${far(summed)}`);
});

test('equal bits for any number of threads, with every rule that has the option', async (t) => {
  // Enough entries for a team.
  const many = fromSparse({
    inputShape: [FEATURES],
    samples: Array.from({ length: 4000 }, (_, i) => samples[i % 29] as (typeof samples)[number]),
    labels: Float32Array.from({ length: 4000 }, (_, i) => Math.cos(i)),
    labelShape: [1],
  });
  for (const make of [adagrad, sgd, ftrl, rowwiseAdagrad]) {
    const train = async (threads: number) => {
      const model = sequential({ inputShape: [FEATURES], seed: 1 }, [
        embeddingBag({ units: 7, name: 'it' }),
        dense({ units: 1 }),
      ]) as unknown as Model;
      const trainer = trainerOf(model, make({ learningRate: 0.1, duplicates: 'sequential' }), threads);
      await trainer.fit(many as never, { ...FIT, epochs: 2, batchSize: 2000 });
      return weightsOf(model);
    };
    const one = await train(1);
    t.true(one.every(Number.isFinite));
    for (const threads of [2, 3]) t.deepEqual(await train(threads), one);
  }
});

test('a saved trainer goes on with the option and with the bits of one that was not saved', async (t) => {
  const optimizer = adagrad({ learningRate: 0.1, duplicates: 'sequential' });
  const [whole, parted] = [linear(), linear()];
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

test('linearClassifier learns in one pass what sums need more for', async (t) => {
  const lists = Array.from({ length: 600 }, (_, i) => [i % 2, 2 + ((i * 31) % 98), 2 + ((i * 7) % 98)]);
  const classes = fromSparse({
    inputShape: [100],
    samples: lists,
    labels: lists.map(([first]) => first ?? 0),
  });
  const lossOf = async (duplicates: 'sum' | 'sequential') => {
    const optimizer = adagrad({ learningRate: 0.02, duplicates });
    const { losses } = await linearClassifier(classes, { optimizer, epochs: 1, batchSize: 100 });
    return losses[0] as number;
  };
  t.true((await lossOf('sequential')) < 0.8 * (await lossOf('sum')));
});

test('what the option cannot go with is refused', async (t) => {
  t.throws(() => adagrad({ duplicates: 'mean' as never }), {
    message: 'adagrad: duplicates must be "sum", "sequential" or "hogwild", got "mean"',
  });
  const optimizer = ftrl({ duplicates: 'sequential' });
  t.throws(() => new FunctionOptimizer({ x: [1] }, { optimizer }), {
    code: 'INVALID_OPTION',
    message:
      "FunctionOptimizer: ftrl has duplicates 'sequential', which is about rows of a model's tables; leave it out",
  });
  const plain = sequential({ inputShape: [FEATURES] }, [dense({ units: 1 })]) as unknown as Model;
  t.throws(() => trainerOf(plain, optimizer), {
    code: 'INVALID_OPTION',
    message:
      /the optimizer ftrl has the option duplicates, which is about rows of tables .* and the model trains none; leave it out/,
  });
  const model = linear();
  const before = weightsOf(model).slice();
  const trainer = trainerOf(model, optimizer);
  await t.throwsAsync(async () => await trainer.fit(data as never, { ...FIT, batchesPerStep: 2 }), {
    code: 'INVALID_OPTION',
    message: /batchesPerStep above 1 keeps the gradients of all weights .* leave it out/,
  });
  const settings = { optimizer, loss: 'meanSquaredError', threads: 0 } as const;
  t.throws(() => new Trainer(model, { ...settings, clipGradients: { by: 'norm', limit: 1 } }), {
    message: /clipGradients by a norm .* clip by value/,
  });
  t.throws(() => new Trainer(model, { ...settings, nonFinite: 'skip' }), {
    message: /nonFinite: 'skip' keeps/,
  });
  t.deepEqual(weightsOf(model), before);
});
