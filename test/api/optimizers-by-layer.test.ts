/** Several optimizers in one model. Threads: 1, 2 and 3. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { RandomStream } from '../../lib/core/philox.ts';
import {
  adagrad,
  adagradDualAveraging,
  adam,
  adamW,
  add,
  batchNorm,
  cosineDecay,
  dense,
  dropout,
  embedding,
  flatten,
  fromArrays,
  fromInputs,
  fromSparse,
  ftrl,
  graph,
  input,
  type Model,
  type Optimizer,
  type Optimizers,
  proximalAdagrad,
  rowwiseAdagrad,
  sgd,
  shampoo,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';
import { checkError, wrongly } from './errors.ts';

const COUNT = 24;
const FEATURES = 12;
const BATCH = 8;

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-optimizers-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

const random = new RandomStream(11, 'shuffle');
const unit = () => random.below(2001) / 1000 - 1;
const x = Float32Array.from({ length: COUNT * 3 }, unit);
const wide = Array.from({ length: COUNT }, (_, i) => ({
  indices: [i % FEATURES, (i * 5 + 1) % FEATURES, i % FEATURES],
  values: [1, Math.fround(unit()), 0.5],
}));
const labels = Uint8Array.from({ length: COUNT }, (_, i) => ((x[3 * i] as number) + (i % 2) > 0.4 ? 1 : 0));

const clicks = fromInputs({
  inputs: {
    wide: fromSparse({ inputShape: [FEATURES], samples: wide }),
    x: fromArrays({ inputs: x, inputShape: [3] }),
  },
  labels,
});

function wideAndDeep() {
  const nodes = { wide: input([FEATURES]), x: input([3]) };
  return graph({
    inputs: nodes,
    output: add([
      nodes.wide.pipe(sparseDense({ units: 1, bias: false, weightInitializer: 'zeros', name: 'wide' })),
      nodes.x.pipe(dense({ units: 4, activation: 'tanh', name: 'hidden' }), dense({ units: 1, name: 'end' })),
    ]),
    seed: 3,
  });
}

const FTRL = { learningRate: 0.4, beta: 1, l1: 0.12, l2: 0.1 };
const rateAt = (step: number) => 0.2 / (1 + step / 4);

function newTrainer(threads = 1, more: object = {}) {
  return new Trainer(wideAndDeep(), {
    optimizer: adagrad({ learningRate: rateAt }),
    optimizers: { wide: ftrl(FTRL) },
    loss: 'sigmoidBinaryCrossEntropy',
    threads,
    ...more,
  });
}

const weightsOf = (model: Model<never> | Model | { getWeights(): object }) =>
  Object.entries(model.getWeights() as Record<string, { data: Float32Array }>).map(
    ([name, { data }]) => [name, [...data]] as const,
  );

/** FTRL for the linear part and AdaGrad, with a falling rate, for the network, in float64. */
function oracle(steps: number) {
  const initial = wideAndDeep().getWeights();
  const values = Object.fromEntries(
    Object.entries(initial).map(([name, { data }]) => [name, Float64Array.from(data)]),
  );
  const sums = Object.fromEntries(
    Object.entries(values).map(([name, { length }]) => [name, new Float64Array(length)]),
  );
  const z = new Float64Array(FEATURES);
  const get = (name: string, i: number) => (values[name] as Float64Array)[i] as number;
  for (let step = 0; step < steps; step++) {
    const gradients = Object.fromEntries(
      Object.entries(values).map(([name, { length }]) => [name, new Float64Array(length)]),
    );
    const plus = (name: string, i: number, value: number) => {
      const list = gradients[name] as Float64Array;
      list[i] = (list[i] as number) + value;
    };
    for (let i = 0; i < BATCH; i++) {
      const at = (step * BATCH + i) % COUNT;
      const row = [0, 1, 2].map((k) => x[3 * at + k] as number);
      const hidden = [0, 1, 2, 3].map((u) =>
        Math.tanh(
          row.reduce((sum, value, k) => sum + value * get('hidden.weight', u * 3 + k), get('hidden.bias', u)),
        ),
      );
      let score = hidden.reduce((sum, value, u) => sum + value * get('end.weight', u), get('end.bias', 0));
      const { indices, values: own } = wide[at] as (typeof wide)[number];
      for (const [e, index] of indices.entries()) score += (own[e] as number) * get('wide.weight', index);
      const g = (1 / (1 + Math.exp(-score)) - (labels[at] as number)) / BATCH;
      for (const [e, index] of indices.entries()) plus('wide.weight', index, g * (own[e] as number));
      plus('end.bias', 0, g);
      for (const [u, value] of hidden.entries()) {
        plus('end.weight', u, g * value);
        const back = g * get('end.weight', u) * (1 - value * value);
        plus('hidden.bias', u, back);
        for (const [k, each] of row.entries()) plus('hidden.weight', u * 3 + k, back * each);
      }
    }
    for (const [name, list] of Object.entries(values)) {
      const n = sums[name] as Float64Array;
      for (let i = 0; i < list.length; i++) {
        const g = (gradients[name] as Float64Array)[i] as number;
        const before = n[i] as number;
        const after = before + g * g;
        if (name === 'wide.weight') {
          const sigma = (Math.sqrt(after) - Math.sqrt(before)) / FTRL.learningRate;
          z[i] = (z[i] as number) + g - sigma * (list[i] as number);
          const linear = z[i] as number;
          const shrunk = linear - Math.sign(linear) * FTRL.l1;
          list[i] =
            Math.abs(linear) <= FTRL.l1
              ? 0
              : -shrunk / ((FTRL.beta + Math.sqrt(after)) / FTRL.learningRate + FTRL.l2);
        } else if (g !== 0) {
          list[i] = (list[i] as number) - (rateAt(step) * g) / (Math.sqrt(after) + 1e-10);
        }
        n[i] = after;
      }
    }
  }
  return { values, sums, z };
}

function near(
  t: ExecutionContext,
  given: ArrayLike<number> | undefined,
  expected: Float64Array,
  what: string,
) {
  t.is(given?.length, expected.length, what);
  const worst = expected.reduce(
    (most, value, i) =>
      Math.max(most, Math.abs((given?.[i] as number) - value) / Math.max(0.1, Math.abs(value))),
    0,
  );
  t.true(worst < 2e-5, `${what}: off by ${worst}`);
}

test('FTRL for the linear part and AdaGrad with a schedule for the network, as in float64', async (t) => {
  const trainer = newTrainer();
  await trainer.fit(clicks, { epochs: 5, batchSize: BATCH, shuffle: 'never' });
  const { values, sums, z } = oracle(15);
  const weights = trainer.model.getWeights();
  for (const [name, expected] of Object.entries(values)) near(t, weights[name]?.data, expected, name);
  const tensors = trainer.getOptimizerState().tensors;
  t.deepEqual(
    Object.keys(tensors).sort(),
    [...Object.keys(values).map((name) => `${name}.accumulator`), 'wide.weight.linear'].sort(),
  );
  for (const [name, expected] of Object.entries(sums)) {
    near(t, tensors[`${name}.accumulator`]?.data, expected, `${name}.accumulator`);
  }
  near(t, tensors['wide.weight.linear']?.data, z, 'linear');
  const zeros = [...(values['wide.weight'] as Float64Array)].map((value) => value === 0);
  t.true(zeros.includes(true) && zeros.includes(false));
  t.deepEqual(
    [...(weights['wide.weight']?.data ?? [])].map((value) => value === 0),
    zeros,
  );

  const rates = trainer.getEffectiveLearningRates();
  const n = sums['wide.weight'] as Float64Array;
  const own = n.map((sum) => 1 / ((FTRL.beta + Math.sqrt(sum)) / FTRL.learningRate + FTRL.l2));
  near(t, rates['wide.weight']?.data, own, 'rates of FTRL');
  const end = (sums['end.bias'] as Float64Array).map((sum) => rateAt(15) / Math.sqrt(sum));
  near(t, rates['end.bias']?.data, end, 'rates of AdaGrad');
});

test('threads, and a trainer that was saved, give the same bits', async (t) => {
  const path = join(await newFolder(t), 'wide.safetensors');
  const options = { epochs: 3, batchSize: 5 };
  const [one, two, three] = [1, 2, 3].map((threads) => newTrainer(threads)) as [
    ReturnType<typeof newTrainer>,
    ReturnType<typeof newTrainer>,
    ReturnType<typeof newTrainer>,
  ];
  for (const trainer of [one, two, three]) await trainer.fit(clicks, options);
  t.deepEqual(weightsOf(two.model), weightsOf(one.model));
  t.deepEqual(weightsOf(three.model), weightsOf(one.model));
  t.deepEqual(two.getOptimizerState(), one.getOptimizerState());

  await one.save(path);
  const loaded = await Trainer.load<{ wide: readonly [12]; x: readonly [3] }>(path, { learningRate: rateAt });
  t.deepEqual(loaded.getOptimizerState(), one.getOptimizerState());
  await loaded.fit(wrongly(clicks), options);
  await one.fit(clicks, options);
  t.deepEqual(weightsOf(loaded.model), weightsOf(one.model));
  t.deepEqual(loaded.getOptimizerState(), one.getOptimizerState());
  // Another rate is the first optimizer's.
  await one.save(path);
  const other = await Trainer.load(path, { learningRate: 0.01 });
  t.deepEqual(
    other.getEffectiveLearningRates()['wide.weight'],
    one.getEffectiveLearningRates()['wide.weight'],
  );
});

test('a run that was stopped in the midst of an epoch goes on with the same bits', async (t) => {
  const folder = await newFolder(t);
  const options = { epochs: 4, batchSize: 5 };
  const straight = newTrainer();
  await straight.fit(clicks, options);
  await newTrainer().fit(clicks, { ...options, maxSteps: 7, checkpoint: { folder } });
  const { trainer, run } = await Trainer.resume(folder, clicks, { learningRate: rateAt, maxSteps: 1000 });
  await run;
  t.deepEqual(weightsOf(trainer.model), weightsOf(straight.model));
  t.deepEqual(trainer.getOptimizerState(), straight.getOptimizerState());
});

test('steps by hand have the bits of a run, reset forgets all states, and a look at steps has each rate', async (t) => {
  const options = { epochs: 2, batchSize: COUNT, shuffle: 'never' } as const;
  const [stepped, fitted] = [newTrainer(), newTrainer()];
  await fitted.fit(clicks, options);
  for (let step = 0; step < 2; step++) stepped.trainStep({ wide, x }, labels);
  t.deepEqual(weightsOf(stepped.model), weightsOf(fitted.model));
  t.deepEqual(stepped.getOptimizerState().tensors, fitted.getOptimizerState().tensors);

  fitted.reset();
  const { steps, tensors } = fitted.getOptimizerState();
  t.is(steps, 0);
  t.true(Object.values(tensors).every(({ data }) => data.every((value) => value === 0)));

  // A run that looks at its steps trains no tables, so these are dense layers.
  const node = input([3]);
  const model = graph({
    inputs: { x: node },
    output: node.pipe(dense({ units: 2, name: 'first' }), dense({ units: 1, name: 'last' })),
  });
  const trainer = new Trainer(model, {
    optimizer: sgd({ learningRate: rateAt }),
    optimizers: {
      first: sgd({ learningRate: 0.01, groups: [{ parameters: '*.bias', learningRateMultiplier: 3 }] }),
    },
    loss: 'sigmoidBinaryCrossEntropy',
  });
  const seen: (readonly [step: number, rates: object])[] = [];
  await trainer.fit(fromInputs({ inputs: { x: clicks.input('x') }, labels }), {
    epochs: 2,
    batchSize: COUNT,
    inspect: {
      everySteps: 1,
      onStep: ({ step, parameters }) =>
        seen.push([step, Object.fromEntries(parameters.map(({ name, meanRate }) => [name, meanRate]))]),
    },
  });
  const ratesOf = (step: number) => ({
    'first.weight': Math.fround(0.01),
    'first.bias': Math.fround(0.03),
    'last.weight': Math.fround(rateAt(step)),
    'last.bias': Math.fround(rateAt(step)),
  });
  t.deepEqual(seen, [
    [1, ratesOf(0)],
    [2, ratesOf(1)],
  ]);
});

test('a plateau lowers the rate of the optimizer, and not of the others', async (t) => {
  const trainer = newTrainer(1, {
    optimizer: adagrad({ learningRate: 1e-9 }),
    optimizers: { wide: ftrl({ l1: 1e6 }) },
  });
  const plateau = { monitor: 'loss', factor: 0.5, patience: 1, minDelta: 1 } as const;
  await trainer.fit(clicks, { epochs: 6, batchSize: BATCH, reduceOnPlateau: plateau });
  const rates = trainer.getEffectiveLearningRates();
  const tensors = trainer.getOptimizerState().tensors;
  const sum = tensors['end.bias.accumulator']?.data[0] as number;
  const scale = ((rates['end.bias']?.data[0] as number) * Math.sqrt(sum)) / 1e-9;
  t.true(scale < 0.6, String(scale));
  const n = tensors['wide.weight.accumulator']?.data as Float32Array;
  near(
    t,
    rates['wide.weight']?.data,
    Float64Array.from(n, (each) => 0.1 / (1 + Math.sqrt(each))),
    'rates of FTRL',
  );
});

/** Two towers that share nothing but the run, so that each has to be as if it were alone. */
const ids = Int32Array.from({ length: COUNT * 2 }, () => random.below(6));
const targets = {
  a: Float32Array.from({ length: COUNT }, unit),
  b: Float32Array.from({ length: COUNT }, unit),
};
const sets = {
  ids: fromArrays({ inputs: ids, inputShape: [2] }),
  x: fromArrays({ inputs: x, inputShape: [3] }),
};

function towers(part: 'a' | 'b' | 'both') {
  const nodes = { ids: input([2]), x: input([3]) };
  const a = nodes.ids.pipe(
    embedding({ rows: 6, units: 3, name: 'a_table' }),
    flatten({ name: 'a_flat' }),
    dense({ units: 1, name: 'a_out' }),
  );
  const b = nodes.x.pipe(
    dense({ units: 5, activation: 'tanh', name: 'b_hidden' }),
    batchNorm({ name: 'b_norm' }),
    dropout({ rate: 0.2, name: 'b_drop' }),
    dense({ units: 1, name: 'b_out' }),
  );
  if (part === 'a') return graph({ inputs: { ids: nodes.ids }, outputs: { a } });
  if (part === 'b') return graph({ inputs: { x: nodes.x }, outputs: { b } });
  return graph({ inputs: nodes, outputs: { a, b }, seed: 8 });
}

async function trainTowers(
  part: 'a' | 'b' | 'both',
  optimizer: Optimizer,
  optimizers: Optimizers = {},
  threads = 1,
) {
  const model = towers(part);
  const all = towers('both').getWeights();
  model.setWeights(
    Object.fromEntries(Object.keys(model.getWeights()).map((name) => [name, all[name]])) as never,
  );
  const names = part === 'both' ? (['a', 'b'] as const) : ([part] as const);
  const trainer = new Trainer(model as never, {
    ...{ optimizer, optimizers, threads, seed: 2 },
    loss: Object.fromEntries(names.map((name) => [name, 'meanSquaredError'])) as never,
  });
  const set = fromInputs({
    inputs: (part === 'both' ? sets : part === 'a' ? { ids: sets.ids } : { x: sets.x }) as typeof sets,
    targets: Object.fromEntries(names.map((name) => [name, targets[name]])),
  });
  await trainer.fit(set as never, { epochs: 4, batchSize: 7 });
  const kept = { ...trainer.model.getWeights(), ...trainer.getOptimizerState().tensors } as Record<
    string,
    { readonly data: Float32Array }
  >;
  return Object.fromEntries(Object.entries(kept).map(([name, { data }]) => [name, [...data]]));
}

const PAIRS: readonly (readonly [a: Optimizer, b: Optimizer])[] = [
  [ftrl({ l1: 0.01, duplicates: 'sequential' }), adagrad({ learningRate: 0.1 })],
  [rowwiseAdagrad({ learningRate: 0.05 }), adam({ learningRate: 0.01 })],
  [proximalAdagrad({ learningRate: 0.1, l1: 0.01, l2: 0.01 }), sgd({ learningRate: 0.1, momentum: 0.9 })],
  [adagradDualAveraging({ learningRate: 0.1, l1: 0.001 }), shampoo({ learningRate: 0.05 })],
  [
    adagrad({ learningRate: 0.1, groups: [{ parameters: 'a_table.weight', learningRateMultiplier: 2 }] }),
    adamW({ learningRate: 0.02, groups: [{ parameters: '*.bias', weightDecay: 0 }] }),
  ],
];

for (const [a, b] of PAIRS) {
  test(`${a.kind} and ${b.kind} train parts of a model as they train these alone`, async (t) => {
    const alone = { ...(await trainTowers('a', a)), ...(await trainTowers('b', b)) };
    for (const threads of [1, 3]) {
      t.deepEqual(await trainTowers('both', b, { 'a_*': a }, threads), alone);
      t.deepEqual(await trainTowers('both', a, { 'b_*': b }, threads), alone);
    }
  });
}

test('a schedule of the optimizer leaves the others alone', async (t) => {
  const falling = adamW({ learningRate: cosineDecay({ from: 0.05, steps: 12 }) });
  const lazy = proximalAdagrad({ learningRate: 0.1, l1: 0.01 });
  const alone = { ...(await trainTowers('a', lazy)), ...(await trainTowers('b', falling)) };
  t.deepEqual(await trainTowers('both', falling, { a_table: lazy, a_out: lazy }), alone);
});

test('what does not fit is said', async (t) => {
  const trainer =
    (optimizers: unknown, optimizer: Optimizer = adagrad()) =>
    () =>
      newTrainer(1, { optimizer, optimizers });
  const uses: readonly (readonly [() => unknown, string])[] = [
    [
      trainer([ftrl()]),
      'Trainer: optimizers must be an object of optimizers by layers, such as { wide: ftrl() }, got an array of 1',
    ],
    [
      trainer({ wider: ftrl() }),
      'Trainer: optimizers "wider" is no layer with weights and no pattern of their names; did you mean "wide"?',
    ],
    [
      trainer({ wide: ftrl(), '*.weight': sgd() }),
      'Trainer: optimizers "wide" and "*.weight" both have "wide.weight"; a parameter has one optimizer',
    ],
    [
      trainer({ '*': sgd() }),
      'Trainer: optimizers have all parameters, and none is left for optimizer; make one of them that one',
    ],
    [
      trainer({ wide: 'ftrll' }),
      'Trainer: optimizers: wide: optimizer has the unknown kind "ftrll"; did you mean "ftrl"?',
    ],
    [
      trainer({ hidden: adagrad({ learningRate: rateAt }) }),
      'Trainer: optimizers hidden: its learningRate must be a number, which it keeps; schedules are for optimizer, got an object',
    ],
    [
      trainer({ wide: adam() }),
      'the optimizer adam cannot train the table "wide.weight", of which a step touches a few rows: its update moves weights whose gradient is 0',
    ],
    [
      trainer({ end: sgd({ duplicates: 'sequential' }) }),
      'the optimizer sgd has the option duplicates, which is about rows of tables (sparseDense, embedding, embeddingBag), and it trains none; leave it out',
    ],
    [
      trainer({ wide: ftrl({ groups: [{ parameters: 'end.*', learningRateMultiplier: 2 }] }) }),
      'Trainer: a group of the optimizer names "end.*", but there is no such parameter; there are wide.weight',
    ],
  ];
  for (const use of uses) await checkError(t, 'INVALID_OPTION', use);
  const tables = () => {
    const nodes = { one: input([3]), two: input([3]) };
    return graph({
      inputs: nodes,
      output: add([
        nodes.one.pipe(sparseDense({ units: 1, name: 'one' })),
        nodes.two.pipe(sparseDense({ units: 1, name: 'two' })),
      ]),
    });
  };
  await checkError(t, 'INVALID_OPTION', [
    () =>
      new Trainer(tables(), {
        optimizer: adagrad(),
        optimizers: { one: ftrl({ duplicates: 'sequential' }) },
        loss: 'meanSquaredError',
      }),
    'the optimizers ftrl and adagrad train tables with different options duplicates; give both the same',
  ]);
});
