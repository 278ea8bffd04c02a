/** Tables of bfloat16: options, files, runs that are taken up again. Numbers are tested in C++. Threads: 1 and 2. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { decodeSafetensors } from '../../lib/formats/safetensors.ts';
import {
  adagrad,
  adagradDualAveraging,
  dense,
  embedding,
  embeddingBag,
  flatten,
  fromArrays,
  fromSparse,
  loadModel,
  type Model,
  type Optimizer,
  sequential,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';
import { testErrors, wrongly } from '../api/errors.ts';
import { folderWith } from '../datasets/files.ts';

const FEATURES = 301;
const DTYPE = { dtype: 'bfloat16' } as const;

const samples = Array.from({ length: 210 }, (_, i) =>
  Array.from({ length: 1 + (i % 6) }, (_, j) => (i * 7919 + j * 104_729 + i * j * 31) % FEATURES),
);
const labels = samples.map((ids, i) => ((ids[0] ?? 0) + i) % 3);
const sparse = fromSparse({ inputShape: [FEATURES], samples, labels });
const ids = fromArrays({
  inputs: Int32Array.from({ length: 210 * 5 }, (_, i) => (i * 7919) % FEATURES),
  inputShape: [5],
  labels,
});

const KINDS = {
  embedding: {
    data: ids,
    make: (seed = 3): Model =>
      sequential({ inputShape: [5], seed }, [
        embedding({ rows: FEATURES, units: 7, name: 'table', ...DTYPE }),
        flatten(),
        dense({ units: 3 }),
      ]) as unknown as Model,
  },
  embeddingBag: {
    data: sparse,
    make: (seed = 3): Model =>
      sequential({ inputShape: [FEATURES], seed }, [
        embeddingBag({ units: 7, name: 'table', ...DTYPE }),
        dense({ units: 3 }),
      ]) as unknown as Model,
  },
  sparseDense: {
    data: sparse,
    make: (seed = 3): Model =>
      sequential({ inputShape: [FEATURES], seed }, [
        sparseDense({ units: 3, name: 'table', ...DTYPE }),
      ]) as unknown as Model,
  },
};

const trainerOf = (model: Model, threads = 1) =>
  new Trainer(model, { optimizer: adagrad({ learningRate: 0.1 }), loss: 'softmaxCrossEntropy', threads });
const tableOf = (model: Model) => model.getWeights()['table.weight']?.data as Float32Array;
const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
const FIT = { batchSize: 32, progress: 'none' } as const;

for (const [kind, { data, make }] of Object.entries(KINDS)) {
  test(`${kind}: every weight is a bfloat16, in files too, and predictions stay the same`, async (t) => {
    const model = make();
    const start = tableOf(model).slice();
    await trainerOf(model).fit(data as never, { ...FIT, epochs: 3 });
    t.true(tableOf(model).some((weight, i) => weight !== start[i]));
    t.true(bitsOf(tableOf(model)).every((bits) => bits % 0x10000 === 0));
    const path = join(folderWith(t, {}), 'model');
    await model.save(path);
    const table = decodeSafetensors(readFileSync(path), path).tensors.get('table.weight');
    t.is(table?.dtype, 'BF16');
    t.deepEqual(
      table?.data,
      Uint16Array.from(bitsOf(tableOf(model)), (bits) => bits >>> 16),
    );
    const loaded = await loadModel(path);
    t.deepEqual(loaded.getWeights(), model.getWeights());
    t.deepEqual(await loaded.predict(data as never), await model.predict(data as never));
    t.deepEqual(model.clone().getWeights(), model.getWeights());
  });

  test(`${kind}: a checkpoint goes on with the same bits, on other threads`, async (t) => {
    const [whole, half] = [make(), make()];
    const trainer = trainerOf(whole, 2);
    await trainer.fit(data as never, { ...FIT, epochs: 4 });
    const before = trainerOf(half);
    await before.fit(data as never, { ...FIT, epochs: 2 });
    const path = join(folderWith(t, {}), 'checkpoint');
    await before.save(path);
    const after = await Trainer.load(path);
    await after.fit(data as never, { ...FIT, epochs: 2 });
    t.deepEqual(after.model.getWeights(), whole.getWeights());
    await before.fit(data as never, { ...FIT, epochs: 2 });
    t.deepEqual(half.getWeights(), whole.getWeights());
  });

  test(`${kind}: weights that are set are rounded to nearest, ties to even`, (t) => {
    const model = make();
    const values = tableOf(model).fill(1);
    values.set([1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -0.1, 2 ** -130]);
    const { shape } = model.getWeights()['table.weight'] as { shape: readonly number[] };
    model.setWeights({ ...model.getWeights(), 'table.weight': { shape, data: values } });
    t.deepEqual(Array.from(tableOf(model).subarray(0, 6)), [
      1,
      1 + 2 ** -6,
      1 + 2 ** -7,
      -0.10009765625,
      2 ** -130,
      1,
    ]);
  });
}

test('a run that is stopped within an epoch is resumed with the same bits', async (t) => {
  const { data, make } = KINDS.embeddingBag;
  const whole = make();
  await trainerOf(whole).fit(data as never, { ...FIT, epochs: 3 });
  const folder = join(folderWith(t, {}), 'run');
  await trainerOf(make(), 2).fit(data as never, { ...FIT, epochs: 3, maxSteps: 10, checkpoint: { folder } });
  const { trainer, run } = await Trainer.resume(folder, data as never, { maxSteps: 21 });
  await run;
  t.deepEqual(trainer.model.getWeights(), whole.getWeights());
});

test('a table of more than a piece is written as it is encoded, not a number too', async (t) => {
  const layers = [
    embeddingBag({ units: 700, name: 'table', dtype: 'bfloat16' }),
    dense({ units: 1 }),
  ] as const;
  const model = sequential({ inputShape: [1000], seed: 3 }, layers) as unknown as Model;
  const values = tableOf(model).slice().fill(Number.NaN, 600_000, 600_100);
  model.setWeights({ ...model.getWeights(), 'table.weight': { shape: [1000, 700], data: values } });
  const path = join(folderWith(t, {}), 'large');
  await model.save(path);
  t.true(statSync(path).size < 1000 * 700 * 2 + 10_000);
  t.deepEqual(tableOf(await loadModel(path)), tableOf(model));
  t.true(tableOf(model).subarray(600_000, 600_100).every(Number.isNaN));
});

test('weights of a model of float32 are loaded, each rounded to nearest', async (t) => {
  const layers = [embeddingBag({ units: 7, name: 'table' }), dense({ units: 3 })] as const;
  const plain = sequential({ inputShape: [FEATURES], seed: 8 }, layers) as unknown as Model;
  const path = join(folderWith(t, {}), 'plain');
  await plain.save(path);
  const model = KINDS.embeddingBag.make();
  await model.loadWeights(path);
  const exact = bitsOf(tableOf(plain));
  // No tie among them.
  const nearest = exact.map((bits) => ((bits + 0x8000) & 0xffff_0000) >>> 0);
  t.deepEqual(bitsOf(tableOf(model)), nearest);
  t.notDeepEqual(nearest, exact);
  t.true(exact.every((bits) => bits % 0x10000 !== 0x8000));
});

test('it learns about as well as float32', async (t) => {
  const made = { bfloat16: KINDS.embeddingBag.make() };
  const plain = sequential({ inputShape: [FEATURES], seed: 3 }, [
    embeddingBag({ units: 7, name: 'table' }),
    dense({ units: 3 }),
  ]);
  for (const model of [made.bfloat16, plain as unknown as Model]) {
    await trainerOf(model).fit(sparse as never, { ...FIT, epochs: 30 });
  }
  const [one, other] = await Promise.all(
    [made.bfloat16, plain].map((model) => model.evaluate(sparse as never, { loss: 'softmaxCrossEntropy' })),
  );
  t.true(Math.abs((one?.loss as number) - (other?.loss as number)) < 0.03, `${one?.loss} and ${other?.loss}`);
});

const typesOf = (kind: string) => `${kind}: dtype must be "float32" or "bfloat16", got "float16"`;
const refusedBy = (kind: string) =>
  `the optimizer ${kind} cannot train the table "table.weight" of bfloat16:`;
const model = KINDS.embeddingBag.make();
const train = (optimizer: Optimizer) => () => new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy' });
const dtype = wrongly('float16');
testErrors(test, 'INVALID_OPTION', [
  [() => embedding({ rows: 5, units: 3, dtype }), typesOf('embedding')],
  [() => embeddingBag({ units: 3, dtype }), typesOf('embeddingBag')],
  [() => sparseDense({ units: 3, dtype }), typesOf('sparseDense')],
  [
    train(adagradDualAveraging({ learningRate: 0.1 })),
    `${refusedBy('adagradDualAveraging')} it moves rows that a step does not touch, which would be rounded without end; give the layer dtype: 'float32'`,
  ],
  [
    train(adagrad({ duplicates: 'sequential' })),
    `${refusedBy('adagrad')} a row that a batch names several times would be rounded by the same random numbers each time; leave the option duplicates out, or give the layer dtype: 'float32'`,
  ],
]);
