import test from 'ava';
import {
  adagrad,
  dense,
  fromArrays,
  sequential,
  softmaxCrossEntropy,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { testErrors, wrongly } from '../api/errors.ts';

const inputs = Array.from({ length: 12 }, (_, i) => [Math.sin(i), Math.cos(3 * i)]);
const labels = inputs.map((_, i) => i % 3);
const plain = fromArrays({ inputs, inputShape: [2], labels });
const weightOf = (i: number) => i % 4;
const sampleWeights = Float32Array.from(labels, (_, i) => weightOf(i));
const weighted = fromArrays({ inputs, inputShape: [2], labels, sampleWeights });
const net = () => sequential({ inputShape: [2], seed: 3 }, [dense({ units: 3 })]);
const loss = 'softmaxCrossEntropy';

/** The loss of each sample. */
async function lossesOf(model: ReturnType<typeof net>) {
  return Promise.all(labels.map(async (_, i) => (await model.evaluate(plain.select([i]), { loss })).loss));
}

test('a loss is the sum of weighted losses over the number of samples; metrics do not heed weights', async (t) => {
  const model = net();
  const losses = await lossesOf(model);
  const expected = losses.reduce((sum, one, i) => sum + one * weightOf(i), 0) / 12;
  const result = await model.evaluate(weighted, { loss, metrics: ['accuracy'], batchSize: 5 });
  t.true(Math.abs(result.loss - expected) < 1e-6);
  t.is(result.accuracy, (await model.evaluate(plain, { loss, metrics: ['accuracy'] })).accuracy);
});

test('views keep the weights of their samples', async (t) => {
  const model = net();
  const losses = await lossesOf(model);
  const [first, second] = weighted.split({ sizes: [5, 7] });
  const both = await Promise.all([first, second].map((part) => model.evaluate(part, { loss })));
  const whole = losses.reduce((sum, one, i) => sum + one * weightOf(i), 0);
  t.true(Math.abs((both[0]?.loss ?? 0) * 5 + (both[1]?.loss ?? 0) * 7 - whole) < 1e-5);
  const { loss: taken } = await model.evaluate(weighted.take(4).select([3, 3]), { loss });
  t.true(Math.abs(taken - 3 * (losses[3] ?? 0)) < 1e-6);
  const [standardized] = standardize(weighted);
  const [same] = standardize(plain);
  const results = await Promise.all([standardized, same].map((set) => model.evaluate(set, { loss })));
  t.not(results[0]?.loss, results[1]?.loss);
});

test('weights of 2 and 0 train as if samples stood there twice and not at all', async (t) => {
  const counts = Float32Array.from(labels, (_, i) => (i % 2 === 0 ? 2 : 0));
  const twice = plain.select(labels.flatMap((_, i) => (i % 2 === 0 ? [i, i] : [])));
  const train = async (set: typeof plain) => {
    const model = net();
    const trainer = new Trainer(model, { optimizer: adagrad(), loss });
    await trainer.fit(set, { batchSize: 12, epochs: 3 });
    return model.getWeights()['dense_1.weight']?.data ?? new Float32Array();
  };
  const a = await train(fromArrays({ inputs, inputShape: [2], labels, sampleWeights: counts }));
  const b = await train(twice);
  t.true(a.every((value, i) => Math.abs(value - (b[i] as number)) < 1e-6));
});

test('weights of samples and of classes multiply; the divisor is that of the classes', async (t) => {
  const model = net();
  const losses = await lossesOf(model);
  const classWeights = [1, 2, 3];
  const sum = losses.reduce((total, one, i) => total + one * weightOf(i) * ((i % 3) + 1), 0);
  const result = await model.evaluate(weighted, {
    loss: softmaxCrossEntropy({ classWeights }),
    batchSize: 7,
  });
  t.true(Math.abs(result.loss - sum / 24) < 1e-6);
});

const source = { inputs, inputShape: [2], labels } as const;
testErrors(test, 'INVALID_OPTION', [
  [
    () => fromArrays({ ...source, sampleWeights: wrongly([1, 2]) }),
    'fromArrays: sampleWeights must be a Float32Array, got [1, 2]',
  ],
]);
testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => fromArrays({ ...source, sampleWeights: new Float32Array(3) }),
    'fromArrays: sampleWeights has 3 values; expected one for each of 12 samples',
  ],
]);
testErrors(test, 'INVALID_DATA', [
  [
    () => fromArrays({ ...source, sampleWeights: new Float32Array(12).fill(-1, 5) }),
    'fromArrays: sampleWeights[5] is -1; weights are at least 0',
  ],
  [
    () => fromArrays({ ...source, sampleWeights: new Float32Array(12).fill(Number.NaN, 2, 3) }),
    'fromArrays: sampleWeights must be finite float32 numbers, but value 0 of sample 2 is NaN; mend or drop such samples',
  ],
]);
