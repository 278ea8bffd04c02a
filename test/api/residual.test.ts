import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  adagrad,
  conv2d,
  dense,
  flatten,
  fromArrays,
  loadModel,
  type Model,
  relu,
  residual,
  sequential,
  Trainer,
} from '../../lib/index.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

const same = (filters: number) => conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'tanh' });

function nested(): Model {
  return sequential({ inputShape: [5, 5, 2], seed: 3 }, [
    residual([same(4), residual([same(4), relu()])], {
      shortcut: [conv2d({ filters: 4, kernelSize: 1 })],
      name: 'block',
    }),
    relu(),
    flatten(),
    dense({ units: 3 }),
  ]);
}

function uniform(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 30 - 1;
  });
}

test('the input is added to what the layers give', async (t) => {
  const model = sequential({ inputShape: [3], seed: 1 }, [
    residual([dense({ units: 4, activation: 'tanh' }), dense({ units: 3 })]),
  ]);
  const weights = model.getWeights();
  t.deepEqual(Object.keys(weights), [
    'residual_1.dense_1.weight',
    'residual_1.dense_1.bias',
    'residual_1.dense_2.weight',
    'residual_1.dense_2.bias',
  ]);
  const w = (name: string, index: number) => weights[`residual_1.${name}`]?.data[index] as number;
  const inputs = uniform(5 * 3, 7);
  const { data } = await model.predict(inputs);
  t.is(data.length, 5 * 3);
  for (let n = 0; n < 5; n += 1) {
    const x = [0, 1, 2].map((i) => inputs[n * 3 + i] as number);
    const hidden = [0, 1, 2, 3].map((o) =>
      Math.tanh(x.reduce((sum, v, i) => sum + v * w('dense_1.weight', o * 3 + i), w('dense_1.bias', o))),
    );
    for (let o = 0; o < 3; o += 1) {
      const inner = hidden.reduce(
        (sum, v, i) => sum + v * w('dense_2.weight', o * 4 + i),
        w('dense_2.bias', o),
      );
      t.true(Math.abs((data[n * 3 + o] as number) - inner - (x[o] as number)) < 1e-5);
    }
  }
});

test('blocks within blocks, shortcuts, names and shapes', (t) => {
  const model = nested();
  t.deepEqual(
    model.layers.map(({ name, kind, outputShape }) => [name, kind, outputShape]),
    [
      ['block.conv2d_1', 'conv2d', [5, 5, 4]],
      ['block.residual_1.conv2d_1', 'conv2d', [5, 5, 4]],
      ['block.residual_1.relu_1', 'relu', [5, 5, 4]],
      ['block.residual_1', 'add', [5, 5, 4]],
      ['block.conv2d_2', 'conv2d', [5, 5, 4]],
      ['block', 'add', [5, 5, 4]],
      ['relu_1', 'relu', [5, 5, 4]],
      ['flatten_1', 'flatten', [100]],
      ['dense_1', 'dense', [3]],
    ],
  );
});

test('it trains to the same bits on any number of threads, is saved and loaded', async (t) => {
  const inputs = uniform(60 * 50, 11);
  const labels = Int32Array.from({ length: 60 }, (_, i) =>
    (inputs[i * 50 + 7] as number) > 0 ? 2 : (inputs[i * 50] as number) > 0 ? 1 : 0,
  );
  const data = fromArrays({ inputs, inputShape: [5, 5, 2], labels });
  const trained = async (threads: number) => {
    const model = nested();
    const trainer = new Trainer(model, {
      optimizer: adagrad({ learningRate: 0.05 }),
      loss: 'softmaxCrossEntropy',
      threads,
    });
    const history = await trainer.fit(data, { epochs: 20, batchSize: 20 });
    return { model, losses: history.epochs.map(({ loss }) => loss) };
  };
  const one = await trained(1);
  const two = await trained(2);
  t.deepEqual(two.model.getWeights(), one.model.getWeights());
  t.true((one.losses.at(-1) as number) < 0.5 * (one.losses[0] as number));

  const path = join(await mkdtemp(join(tmpdir(), 'gradloom-')), 'model.safetensors');
  await one.model.save(path);
  const loaded = await loadModel(path);
  t.deepEqual(loaded.getWeights(), one.model.getWeights());
  t.deepEqual((await loaded.predict(inputs)).data, (await one.model.predict(inputs)).data);
});

const WRONG_OPTIONS: readonly WrongUse[] = [
  [() => residual([]), 'residual: layers must be a list of at least one layer, got []'],
  [() => residual(wrongly('relu')), 'residual: layers must be a list of at least one layer, got "relu"'],
  [
    () => residual([relu()], { shortcut: [] }),
    'residual: shortcut must be a list of at least one layer, got []',
  ],
  [() => residual([relu(), wrongly(relu)]), 'residual: layers[1] is the function relu; call it: relu(...)'],
  [
    () => residual([relu()], wrongly({ shortcuts: [] })),
    'residual: unknown option "shortcuts"; did you mean "shortcut"?',
  ],
  [
    () =>
      sequential({ inputShape: [3] }, [
        residual([relu({ name: 'a' })], { shortcut: [relu({ name: 'a' })], name: 'block' }),
      ]),
    'sequential: residual "block": layers[0] and layers[1] are both named "a"; give one of them another name',
  ],
];
testErrors(test, 'INVALID_OPTION', WRONG_OPTIONS);

testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => sequential({ inputShape: [3] }, [residual([dense({ units: 4 })])]),
    'add "residual_1": the inputs of a sum must have one shape, got [4] and [3] (the paths of a residual block, which a shortcut can bring to one shape)',
  ],
]);
