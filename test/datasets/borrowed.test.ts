/** `memory: 'borrow'`: samples that stay in the caller's arrays. */
import test from 'ava';
import {
  adagrad,
  customLoss,
  dense,
  embedding,
  embeddingBag,
  flatten,
  fromArrays,
  GradloomError,
  type Layer,
  type Model,
  sequential,
  sgd,
  Trainer,
} from '../../lib/index.ts';
import { checkError, testErrors, wrongly } from '../api/errors.ts';

const COUNT = 6;
const labels = Uint8Array.from({ length: COUNT }, (_, i) => i % 2);
const floats = () => Float32Array.from({ length: 3 * COUNT }, (_, i) => Math.sin(i));
const GONE =
  "the dataset's inputs were borrowed (memory: 'borrow'), and their buffer has been transferred away since; keep it as long as the dataset is used, or use memory: 'copy'";

test('borrowed samples are those of the array, in the midst of a buffer, and train with the bits of a copy', async (t) => {
  const whole = new Float32Array(3 * COUNT + 5);
  whole.set(floats(), 3);
  const inputs = whole.subarray(3, 3 + 3 * COUNT);
  const weights = [];
  for (const memory of ['copy', 'borrow'] as const) {
    const train = fromArrays({ inputs, inputShape: [3], labels, memory });
    t.deepEqual(train.at(4).input, floats().slice(12, 15));
    const model = sequential({ inputShape: [3], seed: 1 }, [dense({ units: 2 })]);
    const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
    await trainer.fit(train, { epochs: 3, batchSize: 4, progress: 'none' });
    weights.push(model.getWeights());
    whole[3] = 5;
    t.is(train.at(0).input[0], memory === 'copy' ? 0 : 5);
    whole[3] = 0;
  }
  t.deepEqual(weights[1], weights[0]);
});

test('bytes and ids are borrowed, too', (t) => {
  const bytes = Uint8Array.from({ length: 2 * COUNT }, (_, i) => i);
  const set = fromArrays({ inputs: bytes, inputShape: [2], labels, scale: 0.5, memory: 'borrow' });
  bytes[3] = 100;
  t.deepEqual([...set.at(1).input], [1, 50]);
  const ids = Int32Array.from({ length: 2 * COUNT }, (_, i) => i);
  const lists = fromArrays({ inputs: ids, inputShape: [2], memory: 'borrow' });
  ids[3] = 7;
  t.deepEqual([...lists.at(1).input], [2, 7]);
});

test('a buffer that was transferred away is an error of whatever comes next, of views too', async (t) => {
  const inputs = floats();
  const train = fromArrays({ inputs, inputShape: [3], labels, memory: 'borrow' });
  const view = train.take(4);
  const { model } = new Trainer(sequential({ inputShape: [3] }, [dense({ units: 2 })]), {
    optimizer: adagrad(),
    loss: 'softmaxCrossEntropy',
  });
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  const before = model.getWeights();
  structuredClone(inputs, { transfer: [inputs.buffer] });
  for (const use of [
    () => train.at(0),
    () => view.at(0),
    () => train.describe(),
    () => train.split({ fraction: 0.5 }),
    () => model.predict(view),
    () => trainer.evaluate(train),
    () => trainer.fit(train),
  ]) {
    await checkError(t, 'INVALID_DATA', [use, GONE]);
  }
  t.deepEqual(model.getWeights(), before);
  t.is(train.length, COUNT);
});

const ROWS = 3000;
const LISTS = 40;
const idLists = () => Int32Array.from({ length: 3 * LISTS }, (_, i) => (i * 7919) % ROWS);
const idSet = (ids: Int32Array, memory: 'copy' | 'borrow' = 'borrow') =>
  fromArrays({
    inputs: ids,
    inputShape: [3],
    labels: Uint8Array.from({ length: LISTS }, (_, i) => i % 2),
    memory,
  });
const netOf = (...table: Layer[]): Model =>
  sequential({ inputShape: [3], seed: 1 }, [...table, dense({ units: 2 })]);
const outOfTable = (sample: number, id: number, place: number) =>
  `sample ${sample} has the id ${id} at place ${place}, but the model's table has ${ROWS} rows: 0 to ${ROWS - 1}`;

const READERS = {
  embedding: [embedding({ rows: ROWS, units: 4 }), flatten()],
  'a bag': [embeddingBag({ rows: ROWS, units: 4 })],
  'a table of one float a row': [embeddingBag({ rows: ROWS, units: 1 })],
} as const;
const WRONG = [
  [ROWS, 'just beyond the table'],
  [2 ** 31 - 1, 'the highest'],
  [-1, 'below 0'],
] as const;
for (const [name, table] of Object.entries(READERS)) {
  for (const shuffle of ['epoch', 'never'] as const) {
    for (const duplicates of ['sum', 'sequential'] as const) {
      test(`ids that leave the table of ${name} during a run end it, with nothing of the step changed: shuffle ${shuffle}, ${duplicates}`, async (t) => {
        for (const [id, what] of WRONG) {
          const ids = idLists();
          const model = netOf(...table);
          const trainer = new Trainer(model, {
            optimizer: adagrad({ duplicates }),
            loss: 'softmaxCrossEntropy',
            threads: 2,
          });
          let atEpochsEnd = model.getWeights();
          const onEpochEnd = ({ epoch }: { readonly epoch: number }) => {
            if (epoch < 2) return;
            atEpochsEnd = model.getWeights();
            ids[3 * 17 + 2] = id;
          };
          const run = () =>
            trainer.fit(idSet(ids), { epochs: 3, batchSize: LISTS, shuffle, onEpochEnd, progress: 'none' });
          await checkError(t, 'ID_OUT_OF_RANGE', [run, outOfTable(17, id, 2)]);
          t.deepEqual(model.getWeights(), atEpochsEnd, what);
          ids.set(idLists());
          t.true(Number.isFinite((await trainer.evaluate(idSet(ids))).loss));
        }
      });
    }
  }
}

test('ids that leave a table in the midst of a step are those of the next one', async (t) => {
  const train = async (memory: 'copy' | 'borrow') => {
    const ids = idLists();
    const model = netOf(embedding({ rows: ROWS, units: 4 }), flatten());
    const loss = customLoss({
      name: 'spoiler',
      loss(outputs) {
        ids.fill(2 ** 31 - 1);
        return { value: 1, gradient: outputs.map((output) => output + 1) };
      },
      labels: 'class',
    });
    const trainer = new Trainer(model, { optimizer: sgd({ learningRate: 0.1 }), loss });
    const run = trainer.fit(idSet(ids, memory), {
      epochs: memory === 'copy' ? 1 : 2,
      batchSize: LISTS,
      shuffle: 'never',
      progress: 'none',
    });
    if (memory === 'copy') await run;
    else await checkError(t, 'ID_OUT_OF_RANGE', [() => run, outOfTable(0, 2 ** 31 - 1, 0)]);
    return model.getWeights();
  };
  t.deepEqual(await train('borrow'), await train('copy'));
});

test('ids that leave a table while a model is judged or predicts are an error of that call alone', async (t) => {
  const ids = idLists();
  const model = netOf(embedding({ rows: ROWS, units: 4 }), flatten());
  const loss = customLoss({
    name: 'spoiler',
    loss(outputs) {
      ids[3 * 38] = ROWS;
      return { value: 1, gradient: outputs };
    },
    labels: 'class',
  });
  const trainer = new Trainer(model, { optimizer: adagrad(), loss });
  const judge = () => trainer.evaluate(idSet(ids), { batchSize: 8 });
  await checkError(t, 'ID_OUT_OF_RANGE', [judge, outOfTable(38, ROWS, 0)]);

  ids.set(idLists());
  const expected = await model.predict(idSet(ids));
  for (let trial = 0; trial < 20; trial++) {
    const prediction = model.predict(idSet(ids), { batchSize: 1 + trial });
    ids[3 * 38] = -1;
    try {
      t.deepEqual(await prediction, expected); // it was over, or had read that sample
    } catch (error) {
      t.true(error instanceof GradloomError);
      t.like(error, { code: 'ID_OUT_OF_RANGE', message: outOfTable(38, -1, 0) });
    }
    ids.set(idLists());
  }
  t.deepEqual(await model.predict(idSet(ids)), expected);
});

test('floats that are no longer finite during a run end it, with nothing of the step changed', async (t) => {
  const inputs = floats();
  const model = sequential({ inputShape: [3], seed: 1 }, [dense({ units: 2 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  const before = model.getWeights();
  const train = fromArrays({ inputs, inputShape: [3], labels, memory: 'borrow' });
  inputs[7] = Number.NaN;
  await checkError(t, 'NOT_FINITE', [
    () => trainer.fit(train, { epochs: 1, progress: 'none' }),
    'the loss is not finite at step 1: an input sample is not finite; check the dataset. Nothing of this step was changed',
  ]);
  t.deepEqual(model.getWeights(), before);
});

test('labels and weights are copied also where inputs are borrowed', async (t) => {
  const weightsOf = async (change: boolean) => {
    const classes = Int32Array.from(labels);
    const sampleWeights = new Float32Array(COUNT).fill(0.5);
    const train = fromArrays({
      inputs: floats(),
      inputShape: [3],
      labels: classes,
      sampleWeights,
      memory: 'borrow',
    });
    const model = sequential({ inputShape: [3], seed: 1 }, [dense({ units: 2 })]);
    const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
    const onEpochEnd = () => {
      if (!change) return;
      classes.fill(2 ** 31 - 1);
      sampleWeights.fill(Number.NaN);
    };
    await trainer.fit(train, { epochs: 2, batchSize: 4, onEpochEnd, progress: 'none' });
    return model.getWeights();
  };
  t.deepEqual(await weightsOf(true), await weightsOf(false));
});

test('properties that somebody gave an array are not believed', (t) => {
  const inputs = floats();
  for (const name of ['length', 'buffer', 'byteOffset']) Object.defineProperty(inputs, name, { value: 1 });
  t.is(fromArrays({ inputs, inputShape: [3], memory: 'borrow' }).length, COUNT);
});

/** Of a later ECMAScript than the types know. */
const resizable = (bytes: number): ArrayBuffer =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 2 * bytes }]);

const borrow = (inputs: unknown, inputShape = [3]) =>
  fromArrays({ inputs: wrongly(inputs), inputShape, memory: 'borrow' });

testErrors(test, 'INVALID_DATA', [
  [
    () => borrow(new Float32Array(new SharedArrayBuffer(48))),
    "fromArrays: inputs lie in a SharedArrayBuffer, which other threads may change; use memory: 'copy'",
  ],
  [
    () => borrow(new Float32Array(resizable(48))),
    "fromArrays: inputs lie in a resizable ArrayBuffer, which may shrink; use memory: 'copy'",
  ],
  [
    () => borrow(Float32Array.of(1, 2, Number.NaN)),
    'fromArrays: inputs must be finite float32 numbers, but value 2 of sample 0 is NaN; mend or drop such samples',
  ],
  [
    () => borrow(new Float32Array()),
    'fromArrays: inputs has no values; it is empty, or its buffer was transferred away or made smaller',
  ],
]);
testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => borrow(new Float32Array(4)),
    'fromArrays: inputs has 4 values; expected a multiple of 3 for inputShape [3], of at most 2147483647 samples',
  ],
]);
testErrors(test, 'ID_OUT_OF_RANGE', [
  [
    () => borrow(Int32Array.of(1, 2, -1)),
    'fromArrays: inputs must be ids, integers from 0 to 2147483647, but value 2 of sample 0 is -1',
  ],
]);
testErrors(test, 'INVALID_OPTION', [
  [
    () => borrow([[1, 2, 3]]),
    "fromArrays: memory: 'borrow' takes a Float32Array, a Uint8Array or an Int32Array of ids as inputs, got an array of 1",
  ],
]);
