/** `memory: 'borrow'`: samples that stay in the caller's arrays. */
import test from 'ava';
import { adagrad, dense, fromArrays, sequential, Trainer } from '../../lib/index.ts';
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
