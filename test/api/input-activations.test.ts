/** Activations that the native side has as layers of their own, named by the layer whose output they take. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  type Activation,
  adagrad,
  concat,
  conv2d,
  dense,
  flatten,
  fromArrays,
  fromInputs,
  fromSparse,
  gelu,
  graph,
  input,
  type Layer,
  loadModel,
  type Model,
  residual,
  sequential,
  silu,
  softplus,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';

const FUNCTIONS = { gelu, silu, softplus } as const;
type Named = keyof typeof FUNCTIONS;
const NAMES = Object.keys(FUNCTIONS) as Named[];

const COUNT = 13;
const wave = (size: number) => Float32Array.from({ length: COUNT * size }, (_, i) => 2 * Math.sin(i * i));
const labels = Int32Array.from({ length: COUNT }, (_, i) => i % 3);

const trainerOf = (model: Model) =>
  new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'softmaxCrossEntropy',
    threads: 2,
  });

/** Losses, weights and predictions of three epochs. */
async function train(inputShape: readonly number[], layers: readonly Layer[]) {
  const inputs = wave(inputShape.reduce((size, extent) => size * extent, 1));
  const model = sequential({ inputShape, seed: 5 }, layers) as Model;
  const dataset = fromArrays({ inputs, labels, inputShape });
  const { epochs } = await trainerOf(model).fit(dataset, { epochs: 3, batchSize: 5 });
  return {
    losses: epochs.map(({ loss }) => loss),
    weights: model.getWeights(),
    outputs: model.predictSync(inputs),
  };
}

const conv = (activation: Activation) =>
  conv2d({ filters: 5, kernelSize: 3, strides: 2, padding: 'same', activation });

for (const name of NAMES) {
  const behind = FUNCTIONS[name];

  test(`${name} by name has the bits of the layer ${name}() behind`, async (t) => {
    const vector = await train([7], [dense({ units: 9, activation: name }), dense({ units: 3 })]);
    t.deepEqual(vector, await train([7], [dense({ units: 9 }), behind(), dense({ units: 3 })]));
    t.not(vector.losses[0], vector.losses[2]);
    const linear = await train([7], [dense({ units: 9 }), dense({ units: 3 })]);
    t.notDeepEqual(vector.outputs, linear.outputs);

    const rest = [flatten(), dense({ units: 3 })];
    t.deepEqual(
      await train([6, 5, 2], [conv(name), ...rest]),
      await train([6, 5, 2], [conv('linear'), behind(), ...rest]),
    );
    t.deepEqual(
      await train([4], [residual([dense({ units: 4, activation: name })]), dense({ units: 3 })]),
      await train([4], [residual([dense({ units: 4 }), behind()]), dense({ units: 3 })]),
    );
  });

  test(`${name} by name behind a sparse layer`, async (t) => {
    const samples = Array.from({ length: COUNT }, (_, i) => ({
      indices: [i % 4, 4 + (i % 3)],
      values: [1, Math.cos(i)],
    }));
    const dataset = fromSparse({ inputShape: [8], samples, labels });
    const weightsOf = async (...layers: Layer[]) => {
      const model = sequential({ inputShape: [8], seed: 2 }, [...layers, dense({ units: 3 })]) as Model;
      await trainerOf(model).fit(dataset, { epochs: 2, batchSize: 4 });
      return model.getWeights();
    };
    t.deepEqual(
      await weightsOf(sparseDense({ units: 6, activation: name })),
      await weightsOf(sparseDense({ units: 6 }), behind()),
    );
  });
}

/** One activated layer in two places, and heads that read it and are it. */
function twins(activation: Activation, ...behind: readonly Layer[]) {
  const [a, b] = [input([4]), input([4])];
  const tower = dense({ units: 5, activation, name: 'tower' });
  const [left, right] = [a.pipe(tower, ...behind), b.pipe(tower, ...behind)];
  return graph({
    inputs: { a, b },
    outputs: { both: concat([left, right]).pipe(dense({ units: 3 })), right },
    seed: 6,
  });
}

test('in a graph a shared layer carries its activation along, and a head and a fork end behind it', async (t) => {
  const inputs = { a: wave(4), b: wave(4).map((value) => value - 1) };
  const dataset = fromInputs({
    inputs: {
      a: fromArrays({ inputs: inputs.a, inputShape: [4] }),
      b: fromArrays({ inputs: inputs.b, inputShape: [4] }),
    },
    targets: {
      both: labels,
      right: Array.from({ length: COUNT }, (_, i) => wave(5).slice(5 * i, 5 * i + 5)),
    },
  });
  const trained = async (model: ReturnType<typeof twins>) => {
    const loss = { both: 'softmaxCrossEntropy', right: 'meanSquaredError' } as const;
    const trainer = new Trainer(model, { optimizer: adagrad({ learningRate: 0.1 }), loss, threads: 1 });
    await trainer.fit(dataset, { epochs: 2, batchSize: 4 });
    return model;
  };
  const named = await trained(twins('silu'));
  const layered = await trained(twins('linear', silu()));
  t.deepEqual(named.getWeights(), layered.getWeights());
  t.deepEqual(named.predictSync(inputs), layered.predictSync(inputs));
  t.regex(named.summary(), /tower:2\.silu +silu +tower:2 /);

  const fork = named.fork({ last: 'tower' });
  // It ends at the layer's first use.
  t.deepEqual(
    fork.predictSync({ a: inputs.b } as never),
    named.predictSync({ a: inputs.b, b: inputs.b }).right as never,
  );
  const path = join(mkdtempSync(join(tmpdir(), 'gradloom-activations-')), 'twins.safetensors');
  await named.save(path);
  t.deepEqual((await loadModel(path)).predictSync(inputs as never), named.predictSync(inputs) as never);
});
