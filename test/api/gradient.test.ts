import test from 'ava';
import {
  averagePool2d,
  conv2d,
  dense,
  dropout,
  flatten,
  fromArrays,
  type Layer,
  logSoftmax,
  sequential,
  sgd,
  sigmoid,
  softmax,
  softmaxCrossEntropy,
  Trainer,
  tanh,
} from '../../lib/index.ts';
import { floatsOf, type GoldenCase, readCases } from '../golden/fixtures.ts';
import { deviationOf, TOLERANCES, type Tolerance } from '../golden/tolerances.ts';
import { testErrors, wrongly } from './errors.ts';

const INPUT = [4, 5, 2] as const;
const COUNT = 7;
const inputs = Float32Array.from({ length: COUNT * 40 }, (_, index) => Math.sin(index * 1.7));
const labelled = fromArrays({ inputs, inputShape: INPUT, labels: [0, 1, 2, 0, 1, 2, 0] });

/** Smooth, and random while it trains. */
const network = () =>
  sequential({ inputShape: INPUT, seed: 5 }, [
    conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'tanh' }),
    dropout({ rate: 0.5 }),
    averagePool2d(),
    flatten(),
    dense({ units: 3 }),
  ]);

/** Central differences of `values` by each value of each sample, all samples at once. */
async function differences(
  data: Float32Array,
  values: (moved: Float32Array) => Promise<ArrayLike<number>>,
  step = 1 / 64,
): Promise<Float64Array> {
  const size = data.length / COUNT;
  const result = new Float64Array(data.length);
  for (let at = 0; at < size; at++) {
    const moved = (by: number) =>
      values(data.map((value, index) => (index % size === at ? value + by : value)));
    const [above, below] = [await moved(step), await moved(-step)];
    for (let sample = 0; sample < COUNT; sample++) {
      result[sample * size + at] = ((above[sample] as number) - (below[sample] as number)) / (2 * step);
    }
  }
  return result;
}

/** Within what float32 outputs let differences tell. */
const close = (got: Float32Array, ref: Float64Array) =>
  deviationOf({ tensor: 'gradient', got, ref, tolerance: { measure: 'scaled', limit: 5e-4 } }).share;

test('the gradient of one output agrees with differences of predictions', async (t) => {
  const model = network();
  for (const of of [2, Int32Array.of(0, 1, 2, 2, 1, 0, 1), [1, 1, 1, 0, 0, 0, 2]]) {
    const places = typeof of === 'number' ? new Array(COUNT).fill(of) : of;
    const scores = async (samples: Float32Array) => {
      const { data } = await model.predict(samples, { batchSize: 3 });
      return Array.from({ length: COUNT }, (_, sample) => data[sample * 3 + places[sample]] as number);
    };
    const gradient = await model.gradient(inputs, { of, batchSize: 3 });
    t.deepEqual(gradient.shape, [COUNT, 4, 5, 2]);
    t.deepEqual([...gradient.values], await scores(inputs));
    const share = close(gradient.data, await differences(inputs, scores));
    t.true(share <= 1, String(share));
  }
});

test('the gradient of the loss is each sample’s own, as evaluate gives it for that sample alone', async (t) => {
  const model = network();
  const loss = softmaxCrossEntropy({ classWeights: [1, 3, 0.5], labelSmoothing: 0.1 });
  const evaluateEach = async (samples: Float32Array) => {
    const set = fromArrays({ inputs: samples, inputShape: INPUT, labels: [0, 1, 2, 0, 1, 2, 0] });
    const losses = Array.from({ length: COUNT }, (_, sample) =>
      model.evaluate(set.select([sample]), { loss }),
    );
    return (await Promise.all(losses)).map((evaluation) => evaluation.loss);
  };
  const gradient = await model.gradient(labelled, { of: 'loss', loss });
  const losses = await evaluateEach(inputs);
  for (const [sample, value] of gradient.values.entries()) {
    t.true(Math.abs(value - (losses[sample] as number)) < 1e-5);
  }
  const share = close(gradient.data, await differences(inputs, evaluateEach));
  t.true(share <= 1, String(share));
  // Samples do not know of each other.
  const alone = await model.gradient(labelled.select([4]), { of: 'loss', loss });
  const together = gradient.data.slice(160, 200);
  const { share: apart } = deviationOf({
    tensor: 'gradient',
    got: alone.data,
    ref: together,
    tolerance: { measure: 'scaled', limit: 1e-5 },
  });
  t.true(apart <= 1);
});

test('of raw samples, by their values before the preprocessing', async (t) => {
  const model = network();
  const scaled = fromArrays({
    inputs,
    inputShape: INPUT,
    labels: [0, 1, 2, 0, 1, 2, 0],
    scale: [0.5, -2],
    shift: [1, 0],
  });
  await new Trainer(model, { optimizer: sgd(), loss: 'softmaxCrossEntropy' }).fit(scaled);
  const scores = async (samples: Float32Array) => {
    const { data } = await model.predict(samples);
    return Array.from({ length: COUNT }, (_, sample) => data[sample * 3 + 1] as number);
  };
  const gradient = await model.gradient(inputs, { of: 1 });
  const share = close(gradient.data, await differences(inputs, scores));
  t.true(share <= 1, String(share));
  t.deepEqual(await model.gradient(scaled, { of: 1 }), gradient);
  // With no loss named, that of the training.
  const loss = await model.gradient(scaled, { of: 'loss' });
  t.deepEqual(loss, await model.gradient(scaled, { of: 'loss', loss: 'softmaxCrossEntropy' }));
});

test('nothing changes, threads and repetition give the same bits, and the model may train meanwhile', async (t) => {
  const model = network();
  const before = model.getWeights();
  const first = await model.gradient(inputs, { of: 0, threads: 1 });
  t.deepEqual(await model.gradient(inputs, { of: 0, threads: 2 }), first);
  t.deepEqual(model.getWeights(), before);
  await new Trainer(model, { optimizer: sgd(), loss: 'softmaxCrossEntropy' }).fit(labelled, {
    onEpochEnd: async () => {
      t.is((await model.gradient(inputs, { of: 0 })).values.length, COUNT);
    },
  });
});

test('bytes and lists', async (t) => {
  const model = sequential({ inputShape: [2] }, [dense({ units: 1 })]);
  const bytes = await model.gradient(Uint8Array.of(1, 2, 3, 4), { of: 0 });
  const lists = await model.gradient(
    [
      [1, 2],
      [3, 4],
    ],
    { of: 0 },
  );
  t.deepEqual(bytes, lists);
  const weight = model.getWeights()['dense_1.weight']?.data ?? [];
  t.deepEqual([...bytes.data], [...weight, ...weight]);
});

const cases = readCases();
const golden = cases === undefined ? test.skip : test;

/** The gradient from above times the gradients of all outputs, which is what PyTorch's backward gives. */
async function contract(golden: GoldenCase, layer: Layer): Promise<Float64Array> {
  const x = golden.tensor('x');
  const [count = 0, features = 0] = x.shape;
  const gy = golden.tensor('gy');
  const outputs = gy.shape[1] as number;
  const model = sequential({ inputShape: [features] }, [{ ...layer, name: 'layer' } as Layer]);
  if (layer.kind === 'dense') {
    const weights = ['weight', 'bias'].filter((name) => name === 'weight' || layer.bias === true);
    model.setWeights(
      Object.fromEntries(
        weights.map((name) => [
          `layer.${name}`,
          { data: floatsOf(golden.tensor(name)), shape: golden.tensor(name).shape },
        ]),
      ),
    );
  }
  const sum = new Float64Array(count * features);
  for (let output = 0; output < outputs; output++) {
    const { data } = await model.gradient(floatsOf(x), { of: output });
    for (const [index, value] of data.entries()) {
      const factor = gy.data[Math.floor(index / features) * outputs + output] as number;
      sum[index] = (sum[index] as number) + factor * value;
    }
  }
  return sum;
}

golden('golden: dense layers and activations give the recorded input gradients', async (t) => {
  const makers: Readonly<Record<string, (golden: GoldenCase) => Layer>> = {
    dense: ({ attrs, tensor }) =>
      dense({ units: tensor('weight').shape[0] as number, bias: attrs.bias as boolean }),
    softmax: () => softmax(),
    log_softmax: () => logSoftmax(),
    tanh: () => tanh(),
    sigmoid: () => sigmoid(),
  };
  let compared = 0;
  for (const one of cases ?? []) {
    const make = makers[one.op];
    if (make === undefined || one.tensor('x').shape.length !== 2) continue;
    const tolerance: Tolerance = one.op === 'dense' ? TOLERANCES.product : TOLERANCES.activation;
    const got = await contract(one, make(one));
    const { share } = deviationOf({ tensor: 'grad.x', got, ref: one.tensor('grad.x').data, tolerance });
    t.true(share <= 1, `${one.name}: ${share} times the tolerance`);
    compared += 1;
  }
  t.true(compared >= 8);
});

const run = (of: unknown, options: object = {}) => network().gradient(inputs, wrongly({ of, ...options }));
testErrors(test, 'INVALID_OPTION', [
  [
    () => run(undefined),
    'gradient: of is missing; it must be "loss", the place of an output, or a list with the place of each sample',
  ],
  [
    () => run('score'),
    'gradient: of must be "loss", the place of an output, or a list with the place of each sample, got "score"',
  ],
  [() => run(3), 'gradient: of must be the place of one of the 3 outputs [3], an integer from 0 to 2, got 3'],
  [
    () => run([0, 1, 2, 0, 1, 0.5, 0]),
    'gradient: of[5] must be the place of one of the 3 outputs [3], an integer from 0 to 2, got 0.5',
  ],
  [() => run(0, { loss: 'hinge' }), "gradient: loss needs of: 'loss'; leave out one of them"],
  [() => run('loss', { loss: 'hinge' }), 'gradient: the dataset must be a Dataset, got Float32Array(280)'],
  [
    () => network().gradient(labelled, { of: 'loss' }),
    'gradient: the model was not trained yet and so has no loss; train it, or name one: { loss: "softmaxCrossEntropy" }',
  ],
]);
testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => run([0, 1]),
    'gradient: of has 2 places, there are 7 samples; give one for each, or one number for all',
  ],
]);
testErrors(test, 'INVALID_DATA', [
  [
    () =>
      network().gradient(fromArrays({ inputs, inputShape: INPUT }), {
        of: 'loss',
        loss: 'softmaxCrossEntropy',
      }),
    'gradient: softmaxCrossEntropy takes labels of kind "class", the dataset has "none"',
  ],
]);
