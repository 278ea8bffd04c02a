/** Models with several inputs. Threads: 1, 2 and 3 are asked for; `test/native/training/network/graph_test.cc` has teams. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { RandomStream } from '../../lib/core/philox.ts';
import {
  adagrad,
  add,
  batchNorm,
  concat,
  countVectorizer,
  dense,
  dot,
  dropout,
  embedding,
  embeddingBag,
  flatten,
  fromArrays,
  fromInputs,
  fromRows,
  fromSparse,
  fromTexts,
  graph,
  inBatchNegatives,
  input,
  loadModel,
  multiply,
  relu,
  residual,
  sequential,
  sgd,
  sparseDense,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { readModelFile, writeModelFile } from '../../lib/models/files/model-file.ts';
import { checkError, wrongly } from './errors.ts';

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-graph-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

const COUNT = 41;

/** Users, items and their tags, an age; clicks that depend on all. */
function clicks(count = COUNT) {
  const random = new RandomStream(7, 'shuffle');
  const ids = (rows: number) => Int32Array.from({ length: count }, () => random.below(rows));
  const [user, item] = [ids(9), ids(13)];
  const tags = Array.from({ length: count }, () =>
    Array.from({ length: random.below(4) }, () => random.below(30)),
  );
  const age = Float32Array.from({ length: count * 2 }, () => random.below(1000) / 500 - 1);
  const clicked = Uint8Array.from({ length: count }, (_, i) =>
    ((user[i] as number) + (item[i] as number)) % 3 === 0 || (tags[i]?.length ?? 0) > 2 ? 1 : 0,
  );
  return { user, item, tags, age, clicked };
}

function clickSet(data = clicks()) {
  return fromInputs({
    inputs: {
      user: fromArrays({ inputs: data.user, inputShape: [1] }),
      item: fromArrays({ inputs: data.item, inputShape: [1] }),
      tags: fromSparse({ inputShape: [30], samples: data.tags }),
      age: fromArrays({ inputs: data.age, inputShape: [2] }),
    },
    labels: data.clicked,
  });
}

/** Embeddings through one tower, a bag, dense values; with dropout, whose numbers a resumed run has to draw again. */
function clickModel() {
  const [user, item, tags, age] = [input([1]), input([1]), input([30]), input([2])];
  const tower = dense({ units: 6, activation: 'tanh', name: 'tower' });
  const users = user.pipe(embedding({ rows: 9, units: 5, name: 'users' }), flatten());
  const items = item.pipe(embedding({ rows: 13, units: 5, name: 'items' }), flatten());
  const all = concat([
    users.pipe(tower),
    items.pipe(tower),
    tags.pipe(embeddingBag({ units: 3 })),
    age,
    dot([users, items]),
    multiply([users, items]),
  ]);
  return graph({
    inputs: { user, item, tags, age },
    output: all.pipe(dense({ units: 8, activation: 'relu' }), dropout({ rate: 0.1 }), dense({ units: 1 })),
    seed: 5,
  });
}

function clickTrainer(threads = 1) {
  return new Trainer(clickModel(), {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'sigmoidBinaryCrossEntropy',
    metrics: ['binaryAccuracy'],
    threads,
  });
}

function add64(values: Float64Array, place: number, value: number): void {
  values[place] = (values[place] ?? 0) + value;
}

const weightsOf = (model: { getWeights(): Readonly<Record<string, { readonly data: Float32Array }>> }) =>
  Object.fromEntries(Object.entries(model.getWeights()).map(([name, { data }]) => [name, [...data]]));

test('summary lists inputs, what each layer reads, and shared weights once', (t) => {
  const model = clickModel();
  const lines = model.summary().split('\n');
  t.deepEqual(
    lines.slice(2, 15).map((line) => line.split(/ {2,}/).slice(0, 4).join(' | ')),
    [
      'user | input | [1]',
      'item | input | [1]',
      'tags | input | [30]',
      'age | input | [2]',
      'users | embedding | user | [1, 5]',
      'flatten_1 | flatten | users | [5]',
      'tower | dense | flatten_1 | [6]',
      'items | embedding | item | [1, 5]',
      'flatten_2 | flatten | items | [5]',
      'tower:2 | dense | flatten_2 | [6]',
      'embeddingBag_1 | embeddingBag | tags | [3]',
      'dot_1 | dot | flatten_1, flatten_2 | [1]',
      'multiply_1 | multiply | flatten_1, flatten_2 | [5]',
    ],
  );
  const parameters = 9 * 5 + 13 * 5 + (5 * 6 + 6) + 30 * 3 + (23 * 8 + 8) + (8 + 1);
  t.is(model.parameterCount, parameters);
  t.true(lines.at(-2)?.includes(parameters.toLocaleString('en-US')));
  t.deepEqual(model.inputShape, { user: [1], item: [1], tags: [30], age: [2] });
  t.deepEqual(model.outputShape, [1]);
  t.deepEqual(Object.keys(model.getWeights()).slice(0, 3), ['users.weight', 'tower.weight', 'tower.bias']);
  t.is(model.plan({ batchSize: 8 }).layers.length, model.layers.length);
});

test('merging layers give what their definitions say', async (t) => {
  const [a, b] = [input([2, 3]), input([2, 3])];
  const x = [1, 2, 3, 4, 5, 6, 0.5, -1, 2, 0, 1, -2];
  const y = [2, 0, -1, 1, 1, 1, 4, 4, 4, -3, 2, 0.25];
  const samples = { a: Float32Array.from(x), b: Float32Array.from(y) };
  const given = async (output: Parameters<typeof graph>[0]['output']) => {
    const { data, shape } = await graph({ inputs: { a, b }, output }).predict(samples);
    return [[...data], shape];
  };
  const zip = (each: (p: number, q: number) => number) => x.map((p, i) => each(p, y[i] as number));
  t.deepEqual(await given(add([a, b])), [zip((p, q) => p + q), [2, 2, 3]]);
  t.deepEqual(await given(multiply([a, b, a])), [zip((p, q) => p * q * p), [2, 2, 3]]);
  const products = zip((p, q) => p * q);
  const sums = [0, 3, 6, 9].map((first) => products.slice(first, first + 3).reduce((p, q) => p + q));
  t.deepEqual(await given(dot([a, b])), [sums, [2, 2]]);
  const [u, v] = [input([3]), input([3])];
  const scores = graph({ inputs: { u, v }, output: inBatchNegatives([u, v], { count: 2 }) });
  const pairs = await scores.predict({ u: Float32Array.from(x), v: Float32Array.from(y) });
  t.deepEqual(
    [...pairs.data],
    sums.flatMap((sum) => [sum, -1e9, -1e9]),
  );
  t.deepEqual(pairs.shape, [4, 3]);
  const rows = [0, 3, 6, 9].flatMap((first) => [...x.slice(first, first + 3), ...y.slice(first, first + 3)]);
  t.deepEqual(await given(concat([a, b])), [rows, [2, 2, 6]]);
  const halves = [0, 6].flatMap((first) => [...x.slice(first, first + 6), ...y.slice(first, first + 6)]);
  t.deepEqual(await given(concat([a, b], { axis: 0 })), [halves, [2, 4, 3]]);
});

test('a layer in several places has one set of weights, trained by the sum of its gradients', async (t) => {
  const count = 12;
  const random = new RandomStream(3, 'shuffle');
  const values = (length: number) => Float32Array.from({ length }, () => random.below(2000) / 1000 - 1);
  const [left, right, labels] = [values(count * 3), values(count * 3), values(count * 2)];
  const [a, b] = [input([3]), input([3])];
  const tower = dense({ units: 2, activation: 'tanh', name: 'tower' });
  const model = graph({ inputs: { a, b }, output: add([a.pipe(tower), b.pipe(tower), b.pipe(tower)]) });
  const [weight, bias] = ['tower.weight', 'tower.bias'].map((name) =>
    Float64Array.from(model.getWeights()[name]?.data ?? []),
  ) as [Float64Array, Float64Array];
  t.deepEqual(Object.keys(model.getWeights()), ['tower.weight', 'tower.bias']);

  const batch = 4;
  for (let step = 0; step < 6; step++) {
    const gradients = [new Float64Array(6), new Float64Array(2)] as const;
    for (let n = (step % 3) * batch; n < ((step % 3) + 1) * batch; n++) {
      for (let o = 0; o < 2; o++) {
        const z = (x: Float32Array) =>
          [0, 1, 2].reduce((sum, i) => sum + (weight[o * 3 + i] ?? 0) * (x[n * 3 + i] ?? 0), bias[o] ?? 0);
        const sides = [left, right, right].map((x) => ({ x, y: Math.tanh(z(x)) }));
        const error = sides.reduce((sum, { y }) => sum + y, 0) - (labels[n * 2 + o] ?? 0);
        for (const { x, y } of sides) {
          const delta = (2 * error * (1 - y * y)) / (2 * batch);
          for (let i = 0; i < 3; i++) add64(gradients[0], o * 3 + i, delta * (x[n * 3 + i] ?? 0));
          add64(gradients[1], o, delta);
        }
      }
    }
    for (let i = 0; i < 6; i++) add64(weight, i, -0.3 * (gradients[0][i] ?? 0));
    for (let i = 0; i < 2; i++) add64(bias, i, -0.3 * (gradients[1][i] ?? 0));
  }
  const data = fromInputs({
    inputs: {
      a: fromArrays({ inputs: left, inputShape: [3] }),
      b: fromArrays({ inputs: right, inputShape: [3] }),
    },
    labels,
  });
  const trainer = new Trainer(model, { optimizer: sgd({ learningRate: 0.3 }), loss: 'meanSquaredError' });
  await trainer.fit(data, { epochs: 2, batchSize: batch, shuffle: 'never' });
  const trained = model.getWeights();
  for (const [name, expected] of [
    ['tower.weight', weight],
    ['tower.bias', bias],
  ] as const) {
    const error = Math.max(...expected.map((value, i) => Math.abs(value - (trained[name]?.data[i] ?? 9))));
    t.true(error < 2e-6, `${name}: ${error}`);
  }
});

test('dense and sparse paths learn the same beside an input of ids', async (t) => {
  const data = clicks();
  const spread = data.tags.map((tags) => {
    const row = new Float64Array(30);
    for (const tag of tags) add64(row, tag, 1);
    return [...row];
  });
  const train = async (kind: 'dense' | 'sparse') => {
    const [user, tags] = [input([1]), input([30])];
    const wide = tags.pipe(
      kind === 'dense' ? dense({ units: 4, name: 'wide' }) : sparseDense({ units: 4, name: 'wide' }),
    );
    const users = user.pipe(embedding({ rows: 9, units: 4, name: 'users' }), flatten());
    const model = graph({
      inputs: { user, tags },
      output: add([wide, users]).pipe(dense({ units: 1, name: 'end' })),
    });
    const set = fromInputs({
      inputs: {
        user: fromArrays({ inputs: data.user, inputShape: [1] }),
        tags:
          kind === 'dense'
            ? fromArrays({ inputs: spread, inputShape: [30] })
            : fromSparse({ inputShape: [30], samples: data.tags }),
      },
      labels: data.clicked,
    });
    const trainer = new Trainer(model, {
      optimizer: adagrad({ learningRate: 0.1 }),
      loss: 'sigmoidBinaryCrossEntropy',
    });
    await trainer.fit(set, { epochs: 5, batchSize: 8 });
    return weightsOf(model);
  };
  const [plain, sparse] = [await train('dense'), await train('sparse')];
  t.deepEqual(Object.keys(plain), Object.keys(sparse));
  for (const [name, values] of Object.entries(plain)) {
    const error = Math.max(...values.map((value, i) => Math.abs(value - (sparse[name]?.[i] ?? 9))));
    t.true(error < 1e-5, `${name}: ${error}`);
  }
});

test('trainStep takes a batch by the names of the inputs, with the bits of fit', async (t) => {
  const { clicked, ...inputs } = clicks();
  const [one, other] = [clickTrainer(), clickTrainer()];
  for (let step = 0; step < 3; step++) {
    const loss = one.trainStep(inputs, clicked);
    const { epochs } = await other.fit(clickSet(), { epochs: 1, batchSize: COUNT, shuffle: 'never' });
    t.is(epochs[0]?.loss, loss);
  }
  t.deepEqual(weightsOf(one.model), weightsOf(other.model));
});

test('it learns, with the same bits on 1, 2 and 3 threads', async (t) => {
  const [one, two, three] = await Promise.all(
    [1, 2, 3].map(async (threads) => {
      const trainer = clickTrainer(threads);
      const { epochs } = await trainer.fit(clickSet(), { epochs: 20, batchSize: 8, validation: clickSet() });
      return { epochs, weights: weightsOf(trainer.model) };
    }),
  );
  t.true((one?.epochs.at(-1)?.loss ?? 9) < 0.7 * (one?.epochs[0]?.loss ?? 0));
  t.deepEqual(two?.weights, one?.weights);
  t.deepEqual(three?.weights, one?.weights);
});

test('predict takes samples by the names of the inputs, in any order, and sets of the same inputs', async (t) => {
  const trainer = clickTrainer();
  const { model } = trainer;
  const [data, set] = [clicks(), clickSet()];
  await trainer.fit(set, { epochs: 2, batchSize: 8 });
  const expected = (await model.predict(set)).data;
  const { user, item, tags, age } = data;
  t.deepEqual((await model.predict({ age, tags, item, user })).data, expected);
  t.deepEqual(model.predictSync({ user, item, tags, age }, { batchSize: 7 }).data, expected);
  const lists = { user: [...user].map((id) => [id]), item, tags, age };
  t.deepEqual((await model.predict(lists)).data, expected);
  const classes = await model.classify({ user, item, tags, age });
  t.deepEqual(
    [...classes.labels],
    [...expected].map((logit) => (logit > 0 ? 1 : 0)),
  );
  const { loss, binaryAccuracy } = await model.evaluate(set, { metrics: ['binaryAccuracy'] });
  const hits = [...classes.labels].filter((label, i) => label === data.clicked[i]).length;
  t.true(Math.abs(binaryAccuracy - hits / COUNT) < 1e-6 && loss > 0);
  const last = set.select([COUNT - 1, 0, 3]);
  t.deepEqual(
    [...(await model.predict(last)).data],
    [COUNT - 1, 0, 3].map((place) => expected[place]),
  );
});

test('each input is read as its training data were, also from a file', async (t) => {
  const texts = ['ab bc', 'bc cd', 'cd', 'ab ab de', 'de'];
  const rows = [1, 2, 3, 4, 5].map((size) => ({ size, city: size > 2 ? 'Oslo' : 'Rome' }));
  const [ages] = standardize(fromArrays({ inputs: [[20], [30], [40], [50], [70]], inputShape: [1] }));
  const words = fromTexts({ texts, vectorizer: countVectorizer(texts) });
  const table = await fromRows(rows, {});
  const set = fromInputs({
    inputs: { words, age: ages, table },
    labels: [0, 1, 0, 1, 1],
    classNames: ['no', 'yes'],
  });
  const nodes = {
    words: input(words.inputShape),
    age: input([1]),
    table: input(table.inputShape),
  };
  const model = graph({
    inputs: nodes,
    output: concat([nodes.words.pipe(sparseDense({ units: 3 })), nodes.age, nodes.table]).pipe(
      dense({ units: 2 }),
    ),
  });
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  await trainer.fit(set, { epochs: 3 });
  const expected = (await model.predict(set)).data;
  const raw = { words: texts, age: [[20], [30], [40], [50], [70]], table: rows };
  t.deepEqual((await model.predict(raw)).data, expected);
  const folder = await newFolder(t);
  const path = join(folder, 'model.safetensors');
  await model.save(path);
  const loaded = await loadModel<(typeof model)['inputShape']>(path);
  t.deepEqual((await loaded.predict(raw)).data, expected);
  t.deepEqual(Object.keys(loaded.inputs ?? {}), ['words', 'age', 'table']);
  t.is(loaded.inputs?.age?.preprocessing.scale.length, 1);
  t.deepEqual((await loaded.classify(raw)).names?.length, 5);
  t.is(loaded.summary(), model.summary());
  await checkError(t, 'INVALID_DATA', [
    () =>
      trainer.fit(
        fromInputs({
          inputs: { words, age: fromArrays({ inputs: [[1], [2], [3], [4], [5]], inputShape: [1] }), table },
          labels: [0, 1, 0, 1, 1],
        }),
      ),
    'fit: input "age" of the training set is preprocessed with scale [1] and shift [0], the model\'s training data with ' +
      `scale [${ages.preprocessing.scale[0]}] and shift [${ages.preprocessing.shift[0]}]; prepare both in one call, as in [train, test] = standardize(train, test), or give both the same scale and shift`,
  ]);
});

test('saved, cloned and loaded models are equal bit for bit, trainers go on', async (t) => {
  const folder = await newFolder(t);
  const trainer = clickTrainer();
  await trainer.fit(clickSet(), { epochs: 3, batchSize: 8 });
  t.deepEqual(weightsOf(trainer.model.clone()), weightsOf(trainer.model));
  await trainer.save(join(folder, 'trainer.safetensors'));
  const again = await Trainer.load<(typeof trainer)['model']['inputShape']>(
    join(folder, 'trainer.safetensors'),
  );
  t.deepEqual(weightsOf(again.model), weightsOf(trainer.model));
  for (const each of [trainer, again]) await each.fit(wrongly(clickSet()), { epochs: 2, batchSize: 8 });
  t.deepEqual(weightsOf(again.model), weightsOf(trainer.model));
});

test('a run goes on from any step with the bits that it would have had', async (t) => {
  const options = { epochs: 3, batchSize: 11 } as const;
  const whole = clickTrainer();
  await whole.fit(clickSet(), options);
  for (let steps = 1; steps <= 12; steps++) {
    const folder = await newFolder(t);
    const checkpoint = { folder, everySteps: 1, keepLast: 1 };
    await clickTrainer().fit(clickSet(), { ...options, checkpoint, maxSteps: steps });
    const { trainer, run } = await Trainer.resume(folder, clickSet(), { maxSteps: 100 });
    await run;
    t.deepEqual(weightsOf(trainer.model), weightsOf(whole.model));
  }
  const folder = await newFolder(t);
  await clickTrainer().fit(clickSet(), { ...options, checkpoint: { folder, everySteps: 1 }, maxSteps: 2 });
  const data = clicks();
  data.age[3] = 0.123;
  await t.throwsAsync(Trainer.resume(folder, clickSet(data)), { code: 'INVALID_DATA' });
});

test('blocks may be shared, and weights go from one graph to another', async (t) => {
  const [a, b] = [input([4, 4, 2]), input([4, 4, 2])];
  const block = residual([dense2(), relu()], { name: 'block' });
  function dense2() {
    return dense({ units: 5, name: 'inner' });
  }
  const [x, y] = [a.pipe(flatten(), dense({ units: 5 })), b.pipe(flatten(), dense({ units: 5 }))];
  const model = graph({ inputs: { a, b }, output: concat([x.pipe(block), y.pipe(block)]) });
  t.true(Object.hasOwn(model.getWeights(), 'block.inner.weight'));
  t.false(Object.hasOwn(model.getWeights(), 'block:2.inner.weight'));
  const other = graph({ inputs: { a, b }, output: concat([x.pipe(block), y.pipe(block)]), seed: 9 });
  await other.loadWeights(model.getWeights());
  const samples = { a: new Float32Array(64).fill(0.5), b: new Float32Array(64).fill(-0.25) };
  t.deepEqual((await other.predict(samples)).data, (await model.predict(samples)).data);
});

test('one input or many: a graph of a chain is the sequential model', async (t) => {
  const layers = () =>
    [dense({ units: 7, activation: 'relu' }), dropout({ rate: 0.2 }), dense({ units: 3 })] as const;
  const x = input([4]);
  const chain = graph({ inputs: { x }, output: x.pipe(...layers()), seed: 4 });
  const plain = sequential({ inputShape: [4], seed: 4 }, layers());
  const values = Float32Array.from({ length: 40 * 4 }, (_, i) => Math.sin(i * 1.7));
  const labels = Uint8Array.from({ length: 40 }, (_, i) => i % 3);
  const set = fromArrays({ inputs: values, inputShape: [4], labels });
  const optimizer = adagrad({ learningRate: 0.1 });
  const loss = 'softmaxCrossEntropy';
  await new Trainer(plain, { optimizer, loss }).fit(set, { epochs: 3, batchSize: 8 });
  // The labels come from the only input that has some.
  await new Trainer(chain, { optimizer, loss }).fit(fromInputs({ inputs: { x: set } }), {
    epochs: 3,
    batchSize: 8,
  });
  t.deepEqual(weightsOf(chain), weightsOf(plain));
});

test('graphs that cannot be are refused, by name', async (t) => {
  const [a, b] = [input([4]), input([5])];
  const layer = dense({ units: 3 });
  const errors: readonly (readonly [() => unknown, string])[] = [
    [
      () => input(wrongly([0])),
      'input: shape must be the shape of one sample without the batch, such as [4] or [28, 28, 1], got [0]',
    ],
    [
      () => graph({ inputs: { a, b }, output: a.pipe(layer) }),
      'graph: input "b" has no part in the output; connect it, or leave it out of inputs',
    ],
    [
      () => graph({ inputs: { a }, output: add([a.pipe(layer), b.pipe(dense({ units: 3 }))]) }),
      'graph: the output needs an input of shape [5] that is not listed in inputs',
    ],
    [
      () => graph({ inputs: { a, again: a }, output: a.pipe(layer) }),
      'graph: inputs.a and inputs.again are the same input',
    ],
    [() => graph({ inputs: { a }, output: a }), 'graph: output must be what a layer gives, not an input'],
    [
      () => graph({ inputs: { a: wrongly(a.pipe(layer)) }, output: a.pipe(layer) }),
      'graph: inputs.a must be made by input(shape), got ',
    ],
    [
      () => graph({ inputs: wrongly({}), output: a.pipe(layer) }),
      'graph: inputs must be an object of inputs by name, such as { user: input([1]) }, got ',
    ],
    [
      () => graph({ inputs: { 'a b': a }, output: a.pipe(layer) }),
      'graph: "a b" is no name of an input; names are 1 to 100 letters, digits, _ and -',
    ],
    [
      () =>
        graph({
          inputs: { a },
          output: a.pipe(dense({ units: 3, name: 'x' }), dense({ units: 2, name: 'x' })),
        }),
      'graph: layers[0] and layers[1] are both named "x"; give one of them another name',
    ],
    [() => (a.pipe as () => unknown)(), 'pipe: give at least one layer'],
    [() => add([a]), 'add: nodes must be a list of at least two nodes of a graph, got '],
    [
      () => add(wrongly([a, dense({ units: 3 })])),
      'add: nodes[1] must be a node of a graph, such as input([4]) or what pipe gives, got ',
    ],
  ];
  for (const [use, message] of errors) {
    const error = t.throws(use, { code: 'INVALID_OPTION' });
    t.true(error?.message.startsWith(message), error?.message);
  }
  const shapes: readonly (readonly [() => unknown, RegExp])[] = [
    [
      () => graph({ inputs: { a, b }, output: add([a, wrongly(b)]) }),
      /^add "add_1": the inputs of a sum must have one shape, got \[4\] and \[5\]/,
    ],
    [
      () => graph({ inputs: { a, b }, output: multiply([a, wrongly(b)]) }),
      /^multiply "multiply_1": the inputs of a product must have one shape, got \[4\] and \[5\]$/,
    ],
    [
      () => graph({ inputs: { a, b }, output: inBatchNegatives([a, wrongly(b)], { count: 2 }) }),
      /^inBatchNegatives "inBatchNegatives_1": takes two inputs of vectors of one length, \[units\], got \[4\] and \[5\]$/,
    ],
    [
      () => graph({ inputs: { a, b }, output: dot([a, wrongly(b)]) }),
      /^dot "dot_1": takes two inputs of one shape, got \[4\] and \[5\]$/,
    ],
    [
      () => graph({ inputs: { a, b }, output: concat([a, b], { axis: 1 }) }),
      /^concat "concat_1": samples of shape \[4\] have no axis 1; axes are 0 to 0$/,
    ],
    [
      () => graph({ inputs: { a, c: input([2, 2]) as never }, output: concat([a, input([2, 2])]) }),
      /graph: input "c" has no part|concat/,
    ],
    [
      () => graph({ inputs: { a, b }, output: concat([a.pipe(layer), b.pipe(layer)]) }),
      /layer "dense_1:2" shares the weights of "dense_1", but its input of shape \[5\] needs others than \[4\]/,
    ],
  ];
  for (const [use, message] of shapes) t.throws(use, { message });
  const norm = batchNorm();
  t.throws(() => graph({ inputs: { a }, output: add([a.pipe(norm), a.pipe(relu(), norm)]) }), {
    message: /keeps running statistics of its own input/,
  });
});

test('samples that do not fit the inputs are refused, by name', async (t) => {
  const model = clickModel();
  const { user, item, tags, age } = clicks();
  const uses: readonly (readonly [unknown, string])[] = [
    [{ user, item, tags }, "predict: inputs.age is missing; the model's inputs are user, item, tags and age"],
    [{ user, item, tags, age, tag: 1 }, 'predict: the model has no input "tag"; did you mean "tags"?'],
    [{ user, item, tags, age: age.slice(2) }, 'predict: inputs.age has 40 samples, inputs.user has 41'],
    [
      { user, item, tags, age: age.slice(1) },
      'predict: inputs.age has 81 values, which is no multiple of the 2 of one sample [2]',
    ],
    [{ user, item, tags: [[1], [30]], age }, 'predict: feature 30 in inputs.tags'],
    [
      { user: Int32Array.of(9), item: [[1]], tags: [[1]], age: [[1, 2]] },
      'sample 0 of input "user" has the id 9 at place 0, but the model\'s table has 9 rows: 0 to 8',
    ],
    [
      new Float32Array(4),
      'predict: inputs must be a Dataset or an object with samples of user, item, tags and age',
    ],
  ];
  for (const [samples, message] of uses) {
    const error = await t.throwsAsync(model.predict(wrongly(samples)));
    t.true(error?.message.startsWith(message) || /30/.test(message), error?.message);
  }
  const single = fromArrays({ inputs: [[1, 2]], inputShape: [2], labels: [1] });
  await checkError(t, 'SHAPE_MISMATCH', [
    () =>
      new Trainer(model, { optimizer: adagrad(), loss: 'sigmoidBinaryCrossEntropy' }).fit(wrongly(single)),
    'fit: the training set has samples of shape [2], the model takes { user: [1], item: [1], tags: [30], age: [2] }',
  ]);
});

test('files of graphs that go in a circle, or name what is not there, are refused', async (t) => {
  const folder = await newFolder(t);
  const path = join(folder, 'model.safetensors');
  const x = input([3]);
  const model = graph({
    inputs: { x },
    output: x.pipe(dense({ units: 3, name: 'a' }), dense({ units: 3, name: 'b' })),
  });
  await model.save(path);
  const file = await readModelFile(path);
  const write = (nodes: unknown) =>
    writeModelFile(path, { ...file, network: { ...file.network, nodes } as never });
  await write([
    { layer: 'a', inputs: ['b'] },
    { layer: 'b', inputs: ['a'] },
  ]);
  await t.throwsAsync(loadModel(path), {
    code: 'FILE_FORMAT',
    message: /layer "a" reads "b", which is no layer before it/,
  });
  await write([{ layer: 'c', inputs: ['@x'] }]);
  await t.throwsAsync(loadModel(path), {
    code: 'FILE_FORMAT',
    message: /nodes\[0\] names the layer "c", which is not there/,
  });
  await write([]);
  await t.throwsAsync(loadModel(path), { code: 'FILE_FORMAT', message: /at least one input and one node/ });
});
