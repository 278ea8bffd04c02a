/**
 * Random sparse samples: the dense and the sparse way give the same model. Threads: 1 and 3 are asked for, though nets as small run on
 * one; `test/native/training/tables/tables_test.cc` has teams.
 */
import test from 'ava';
import fc from 'fast-check';
import {
  adagrad,
  dense,
  embeddingBag,
  fromSparse,
  type Layer,
  rowwiseAdagrad,
  sequential,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';

const FEATURES = 9;

/** Samples of any length, also empty, with features in any order, also repeated, the first and the last among them. */
const entry = fc.tuple(
  fc.oneof(fc.constant(0), fc.constant(FEATURES - 1), fc.integer({ min: 0, max: FEATURES - 1 })),
  fc.integer({ min: -8, max: 8 }).map((value) => value / 4),
);
const sample = fc.record({
  entries: fc.array(entry, { maxLength: 12 }),
  label: fc.integer({ min: 0, max: 2 }),
});
const samples = fc.array(sample, { minLength: 2, maxLength: 20 });

type Samples = readonly {
  readonly entries: readonly (readonly [number, number])[];
  readonly label: number;
}[];

function datasetOf(given: Samples) {
  return fromSparse({
    inputShape: [FEATURES],
    samples: given.map(({ entries }) => ({
      indices: entries.map(([feature]) => feature),
      values: entries.map(([, value]) => value),
    })),
    labels: given.map(({ label }) => label),
  });
}

async function train(
  layers: readonly Layer[],
  data: ReturnType<typeof datasetOf>,
  { threads = 1, optimizer = adagrad({ learningRate: 0.1 }) } = {},
) {
  const model = sequential({ inputShape: [FEATURES], seed: 3 }, layers);
  const trainer = new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy', threads });
  await trainer.fit(data, { epochs: 3, batchSize: 7, progress: 'none' });
  return model;
}

test('sparseDense learns what dense learns from the same samples', async (t) => {
  await fc.assert(
    fc.asyncProperty(samples, async (given) => {
      const data = datasetOf(given);
      const sparse = await train([sparseDense({ units: 3, name: 'it' })], data);
      const plain = await train([dense({ units: 3, name: 'it' })], data);
      const [one, other] = [sparse, plain].map((model) => model.getWeights()['it.weight']?.data ?? []);
      // AdaGrad's first step has the length of its rate whatever the gradient is, so a sum that cancels but for its
      // rounding may go either way.
      const far = Array.from(one ?? [], (value, i) => Math.abs(value - (other?.[i] as number)) > 1e-4);
      t.true(far.filter(Boolean).length <= 3, `${far}`);
    }),
    { numRuns: 30 },
  );
});

test('bags and linear layers, with one accumulator a weight or a row: equal bits at 1 and 3 threads, unseen rows as they were', async (t) => {
  const nets: readonly (readonly Layer[])[] = [
    [embeddingBag({ units: 5, pooling: 'sum', name: 'it' }), dense({ units: 3 })],
    [embeddingBag({ units: 1, pooling: 'mean', paddingId: 2, name: 'it' }), dense({ units: 3 })],
    [embeddingBag({ units: 17, pooling: 'max', name: 'it' }), dense({ units: 3 })],
  ];
  await fc.assert(
    fc.asyncProperty(samples, fc.constantFrom(...nets), fc.boolean(), async (given, layers, byRow) => {
      const data = datasetOf(given);
      const optimizer = byRow ? rowwiseAdagrad({ learningRate: 0.1 }) : adagrad({ learningRate: 0.1 });
      const one = (await train(layers, data, { optimizer })).getWeights();
      t.deepEqual((await train(layers, data, { optimizer, threads: 3 })).getWeights(), one);
      const start = sequential({ inputShape: [FEATURES], seed: 3 }, layers).getWeights();
      const seen = new Set(given.flatMap(({ entries }) => entries.map(([feature]) => feature)));
      const [, units = 0] = one['it.weight']?.shape ?? [];
      for (let row = 0; row < FEATURES; row++) {
        if (seen.has(row) && row !== layers[0]?.paddingId) continue;
        const rowOf = (weights: typeof one) =>
          weights['it.weight']?.data.slice(row * units, (row + 1) * units);
        t.deepEqual(rowOf(one), rowOf(start));
      }
    }),
    { numRuns: 30 },
  );
});
