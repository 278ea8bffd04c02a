/** Forks of models of several inputs and heads. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  concat,
  dense,
  dot,
  embedding,
  flatten,
  fromArrays,
  fromInputs,
  graph,
  input,
  loadModel,
  residual,
  sgd,
  Trainer,
} from '../../lib/index.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

const COUNT = 9;
const user = Int32Array.from({ length: COUNT }, (_, i) => (i * 5) % 7);
const item = Int32Array.from({ length: COUNT }, (_, i) => (i * 3) % 5);
const facts = Float32Array.from({ length: COUNT * 2 }, (_, i) => Math.sin(i) * 3);
const price = Float32Array.from({ length: COUNT }, (_, i) => Math.cos(i));
const kind = Int32Array.from({ length: COUNT }, (_, i) => i % 3);
const samples = { user, item, facts };

const inputs = {
  user: fromArrays({ inputs: user, inputShape: [1] }),
  item: fromArrays({ inputs: item, inputShape: [1] }),
  facts: fromArrays({ inputs: facts, inputShape: [2], scale: [0.5, 2], shift: [-1, 0] }),
};
const set = fromInputs({ inputs, targets: { price, kind } });

/** Users and items through one tower, in which items come first, and two heads. */
function network() {
  const nodes = { user: input([1]), item: input([1]), facts: input([2]) };
  const tower = dense({ units: 4, activation: 'tanh', name: 'tower' });
  const items = nodes.item.pipe(embedding({ rows: 5, units: 3, name: 'items' }), flatten(), tower);
  const users = nodes.user.pipe(embedding({ rows: 7, units: 3, name: 'users' }), flatten(), tower);
  const seen = nodes.facts.pipe(residual([dense({ units: 2 })], { name: 'seen' } as object));
  const trunk = concat([dot([items, users]), seen]).pipe(
    dense({ units: 4, activation: 'sigmoid', name: 'trunk' }),
  );
  return graph({
    inputs: nodes,
    outputs: { price: trunk.pipe(dense({ units: 1 })), kind: trunk.pipe(dense({ units: 3, name: 'kinds' })) },
    seed: 4,
  });
}

const options = { optimizer: sgd({ learningRate: 0.1 }), threads: 1 };
const LOSS = { price: 'meanSquaredError', kind: 'softmaxCrossEntropy' } as const;

async function trained() {
  const model = network();
  await new Trainer(model, { ...options, loss: LOSS }).fit(set, { epochs: 2, batchSize: 4 });
  return model;
}

test('without last a fork is the whole with its heads, and its own weights', async (t) => {
  const model = await trained();
  const fork = model.fork();
  t.deepEqual(fork.getWeights(), model.getWeights());
  t.deepEqual(fork.predictSync(samples), model.predictSync(samples));
  t.deepEqual(fork.outputShape, model.outputShape);
  await t.throwsAsync(fork.classify(samples), { code: 'INVALID_OPTION', message: /has no loss/ });
  const before = model.getWeights();
  await new Trainer(fork, { ...options, loss: LOSS }).fit(set);
  t.deepEqual(model.getWeights(), before);
  t.notDeepEqual(fork.getWeights(), before);
});

test('one tower alone: uses of shared weights are counted anew, other inputs are left out', async (t) => {
  const model = await trained();
  const users = model.fork({ last: 'tower:2' });
  t.deepEqual(users.inputShape, { user: [1] });
  t.deepEqual(users.outputShape, [4]);
  t.deepEqual(
    users.layers.map(({ name }) => name),
    ['users', 'flatten_2', 'tower'],
  );
  const { 'users.weight': table, 'tower.weight': weight, 'tower.bias': bias } = model.getWeights();
  t.deepEqual(users.getWeights(), {
    'users.weight': table,
    'tower.weight': weight,
    'tower.bias': bias,
  } as never);
  const { data } = await users.predict({ user });
  const expected = Float64Array.from({ length: COUNT * 4 }, (_, at) => {
    const [sample, unit] = [at >> 2, at & 3];
    let sum = bias?.data[unit] as number;
    for (let k = 0; k < 3; k++) {
      const value = table?.data[(user[sample] as number) * 3 + k] as number;
      sum += (weight?.data[unit * 3 + k] as number) * value;
    }
    return Math.tanh(sum);
  });
  for (const [at, value] of data.entries()) t.true(Math.abs(value - (expected[at] as number)) < 1e-6);

  const path = join(mkdtempSync(join(tmpdir(), 'gradloom-')), 'users.safetensors');
  await users.save(path);
  const loaded = await loadModel<{ user: readonly [1] }>(path);
  t.deepEqual(loaded.predictSync({ user }), users.predictSync({ user }) as never);
});

test('one head alone gives what it gave, and keeps the preprocessing of each input', async (t) => {
  const model = await trained();
  for (const last of ['kind', 'kinds']) {
    const fork = model.fork({ last });
    t.deepEqual(fork.outputShape, [3]);
    t.deepEqual([...(await fork.predict(samples)).data], [...model.predictSync(samples).kind.data]);
    t.deepEqual(fork.inputs?.facts?.preprocessing, set.input('facts').preprocessing);
  }
  const renewed = model.fork({ last: 'kind', preprocessing: 'new' });
  t.is(renewed.inputs, undefined);
  const plain = fromInputs({
    inputs: { ...inputs, facts: fromArrays({ inputs: facts, inputShape: [2] }) },
    labels: kind,
  });
  const own = { ...options, loss: 'softmaxCrossEntropy' } as const;
  await new Trainer(renewed, own).fit(plain as never);
  t.throws(() => new Trainer(model.fork({ last: 'kind' }), own).fit(plain as never), {
    code: 'INVALID_DATA',
  });
});

test('new layers behind a part; frozen parts stay as they are, the others train', async (t) => {
  const model = await trained();
  const old = model.getWeights();
  const labelled = fromInputs({ inputs, labels: Float32Array.from(user, (id) => id - 3) });
  const train = async (freeze: boolean | readonly string[]) => {
    const fork = model.fork({ last: 'trunk', freeze, seed: 6 }, [dense({ units: 5 }), dense({ units: 1 })]);
    t.deepEqual(fork.outputShape, [1]);
    t.deepEqual(
      fork.layers.slice(-2).map(({ name }) => name),
      ['dense_3', 'dense_4'],
    );
    const trainer = new Trainer(fork, { ...options, loss: 'meanSquaredError' });
    await trainer.fit(labelled as never, { epochs: 2, batchSize: 4 });
    const weights = fork.getWeights();
    return Object.keys(old).filter(
      (name) => name in weights && !/^dense_[34]/.test(name) && same(weights, name),
    );
  };
  const same = (weights: typeof old, name: string) =>
    weights[name]?.data.every((value, i) => value === old[name]?.data[i]) === true;
  const all = Object.keys(old).filter((name) => !/^(dense_4|kinds)\./.test(name));
  t.deepEqual(await train(true), all);
  t.deepEqual(await train(['users', 'items', 'seen']), [
    'items.weight',
    'users.weight',
    'seen.dense_1.weight',
    'seen.dense_1.bias',
  ]);
  t.deepEqual(await train(false), []);
});

const fork =
  (given: object, layers?: unknown): WrongUse[0] =>
  () =>
    network().fork(wrongly(given), wrongly(layers));
testErrors(test, 'INVALID_OPTION', [
  [
    fork({ first: 'trunk' }),
    'fork: first is for models made by sequential; of a graph, last says where the fork ends, and it takes all that has a part in it',
  ],
  [fork({ last: 'trunc' }), 'fork: last names no layer "trunc"; did you mean "trunk"?'],
  [
    fork({}, [dense({ units: 2 })]),
    'fork: the model has the heads "kind" and "price"; say with last behind which layer or head the new layers stand',
  ],
  [
    fork({ last: 'tower', freeze: ['users'] }),
    'fork: freeze names no layer "users" that the fork takes; there are items, flatten_1 and tower',
  ],
  [fork({ freeze: 'users' }), 'fork: freeze must be true, false, or a list of names of layers, got "users"'],
  [
    fork({ last: 'trunk' }, [dense({ units: 2, name: 'users' })]),
    'fork: layers[3] and layers[9] are both named "users"; give one of them another name',
  ],
]);
