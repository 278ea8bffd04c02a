/** Gradients of models of several inputs and heads: against central differences of what predict and evaluate give. */
import test from 'ava';
import {
  adagrad,
  averagePool2d,
  concat,
  conv2d,
  dense,
  dropout,
  embedding,
  embeddingBag,
  flatten,
  fromArrays,
  fromInputs,
  fromSparse,
  graph,
  input,
  sequential,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';
import { deviationOf } from '../golden/tolerances.ts';
import { checkError, testErrors, wrongly } from './errors.ts';

const COUNT = 7;
const image = Float32Array.from({ length: COUNT * 16 }, (_, i) => Math.sin(i * 1.7));
const facts = Float32Array.from({ length: COUNT * 3 }, (_, i) => Math.cos(i * 0.9));
const user = Int32Array.of(0, 3, 4, 3, 1, 2, 0);
const tags = [[1, 4], [], [2], [0, 5], [3], [1, 1], [5]];
const kind = Int32Array.of(0, 1, 2, 2, 1, 0, 1);
const price = Float32Array.of(0.5, -1, 2, 0, 1, 1.5, -0.5);

const LOSS = { kind: 'softmaxCrossEntropy', price: 'meanSquaredError' } as const;

/** An image of which two layers read, facts that go on to the end, a user and tags; a head of 3 and one of 1. */
function network() {
  const nodes = { image: input([4, 4, 1]), user: input([1]), tags: input([6]), facts: input([3]) };
  const seen = nodes.image.pipe(
    conv2d({ filters: 2, kernelSize: 3, activation: 'tanh' }),
    averagePool2d(),
    flatten(),
  );
  const trunk = concat([
    seen,
    nodes.image.pipe(flatten(), dense({ units: 2, activation: 'sigmoid' })),
    nodes.user.pipe(embedding({ rows: 5, units: 3 }), flatten()),
    nodes.tags.pipe(embeddingBag({ units: 2 })),
    nodes.facts,
  ]).pipe(dense({ units: 5, activation: 'tanh' }), dropout({ rate: 0.5 }));
  return graph({
    inputs: nodes,
    outputs: {
      price: concat([trunk, nodes.facts]).pipe(dense({ units: 1 })),
      kind: trunk.pipe(dense({ units: 3 })),
    },
    seed: 3,
  });
}

type Values = { readonly image: Float32Array; readonly facts: Float32Array };

const samplesOf = (values: Values) => ({ ...values, user, tags });

const setOf = (values: Values) =>
  fromInputs({
    inputs: {
      image: fromArrays({ inputs: values.image, inputShape: [4, 4, 1], scale: 0.5, shift: 0.1 }),
      facts: fromArrays({ inputs: values.facts, inputShape: [3], scale: [2, 1, -3] }),
      user: fromArrays({ inputs: user, inputShape: [1] }),
      tags: fromSparse({ inputShape: [6], samples: tags }),
    },
    targets: { kind, price },
  });

/** Central differences of one number a sample by each value of the input `name`, in float64. */
async function differences(
  name: keyof Values,
  values: (moved: Values) => Promise<ArrayLike<number>>,
): Promise<Float64Array> {
  const given: Values = { image, facts };
  const size = given[name].length / COUNT;
  const step = 1 / 64;
  const result = new Float64Array(given[name].length);
  for (let at = 0; at < size; at++) {
    const moved = (by: number) =>
      values({ ...given, [name]: given[name].map((value, i) => (i % size === at ? value + by : value)) });
    const [above, below] = [await moved(step), await moved(-step)];
    for (let sample = 0; sample < COUNT; sample++) {
      result[sample * size + at] = ((above[sample] as number) - (below[sample] as number)) / (2 * step);
    }
  }
  return result;
}

const shareOf = (got: Float32Array, ref: Float64Array) =>
  deviationOf({ tensor: 'gradient', got, ref, tolerance: { measure: 'scaled', limit: 5e-4 } }).share;

test('of an output of a head, by each input of values, as differences of predictions', async (t) => {
  const model = network();
  for (const head of ['price', 'kind'] as const) {
    const places = head === 'price' ? new Int32Array(COUNT) : kind;
    const width = head === 'price' ? 1 : 3;
    const scores = async (values: Values) => {
      const { data } = (await model.predict(samplesOf(values)))[head];
      return Array.from({ length: COUNT }, (_, i) => data[i * width + (places[i] as number)] as number);
    };
    const of = head === 'price' ? { price: 0 } : { kind };
    const gradient = await model.gradient(samplesOf({ image, facts }), { of, batchSize: 3 });
    t.deepEqual(Object.keys(gradient.inputs).sort(), ['facts', 'image', 'tags']);
    t.deepEqual([...gradient.values], await scores({ image, facts }));
    t.deepEqual(gradient.inputs.image?.shape, [COUNT, 4, 4, 1]);
    t.deepEqual(gradient.inputs.facts?.shape, [COUNT, 3]);
    for (const name of ['image', 'facts'] as const) {
      const share = shareOf(gradient.inputs[name]?.data as Float32Array, await differences(name, scores));
      t.true(share <= 1, `${head} by ${name}: ${share}`);
    }
  }
});

test('of the weighted loss of all heads, in the units before each input’s preprocessing', async (t) => {
  const model = network();
  const lossWeights = { price: 0.25 };
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: LOSS, lossWeights });
  await trainer.fit(setOf({ image, facts }), { epochs: 2, batchSize: 3 });
  const losses = async (values: Values) => {
    const set = setOf(values);
    const each = Array.from({ length: COUNT }, (_, i) => model.evaluate(set.select([i])));
    return (await Promise.all(each)).map(({ loss }) => loss);
  };
  const gradient = await model.gradient(setOf({ image, facts }), { of: 'loss' });
  for (const [i, value] of (await losses({ image, facts })).entries()) {
    t.true(Math.abs((gradient.values[i] as number) - value) < 1e-5);
  }
  for (const name of ['image', 'facts'] as const) {
    const share = shareOf(gradient.inputs[name]?.data as Float32Array, await differences(name, losses));
    t.true(share <= 1, `${name}: ${share}`);
  }
  const named = await model.gradient(setOf({ image, facts }), { of: 'loss', loss: LOSS, lossWeights });
  t.deepEqual(named, gradient);
  // What predict takes raw, gradient does too.
  const raw = await model.gradient(samplesOf({ image, facts }), { of: { price: 0 } });
  t.deepEqual(raw, await model.gradient(setOf({ image, facts }), { of: { price: 0 } }));
});

test('threads and batch sizes', async (t) => {
  const model = network();
  const before = model.getWeights();
  const given = samplesOf({ image, facts });
  const one = await model.gradient(given, { of: { kind: 1 }, threads: 1 });
  t.deepEqual(await model.gradient(given, { of: { kind: 1 }, threads: 2 }), one);
  t.deepEqual(await model.gradient(given, { of: { kind: 1 }, threads: 3 }), one);
  t.deepEqual(model.getWeights(), before);
});

test('of one output, places are the network’s', async (t) => {
  const [a, b] = [input([2]), input([3])];
  const model = graph({ inputs: { a, b }, output: concat([a, b]).pipe(dense({ units: 2, name: 'sum' })) });
  const weight = model.getWeights()['sum.weight']?.data as Float32Array;
  const { inputs, values } = await model.gradient({ a: [[1, 2]], b: [[3, 4, 5]] }, { of: [1] });
  t.deepEqual([...(inputs.a?.data ?? [])], [...weight.subarray(5, 7)]);
  t.deepEqual([...(inputs.b?.data ?? [])], [...weight.subarray(7, 10)]);
  t.is(values[0], (await model.predict({ a: [[1, 2]], b: [[3, 4, 5]] })).data[1]);
  await checkError(t, 'INVALID_OPTION', [
    () => model.gradient({ a: [[1, 2]], b: [[3, 4, 5]] }, { of: { sum: 1 } }),
    'gradient: of must be "loss", the place of an output, or a list with the place of each sample, got an object',
  ]);
});

test('by the values of sparse features, in the order in which samples name them', async (t) => {
  const [words, more, id] = [input([9]), input([9]), input([1])];
  const model = graph({
    inputs: { words, more, id },
    output: concat([
      words.pipe(embeddingBag({ units: 3, pooling: 'sum' })),
      words.pipe(sparseDense({ units: 2, activation: 'tanh' })),
      more.pipe(embeddingBag({ units: 2, pooling: 'mean' })),
      id.pipe(embedding({ rows: 4, units: 2 }), flatten()),
    ]).pipe(dense({ units: 4, activation: 'tanh' }), dense({ units: 2 })),
    seed: 7,
  });
  const sizes = [2, 0, 3, 1, 4];
  const ids = Int32Array.of(0, 3, 1, 1, 2);
  const sparse = (seed: number, moved?: { readonly at: number; readonly by: number }) => {
    let entry = 0;
    return sizes.map((size, i) => {
      const places = Array.from({ length: size }, () => entry++);
      return {
        // The last sample names a feature twice.
        indices: places.map((place, k) => (i === 4 && k > 2 ? 1 : (place * 4 + seed) % 9)),
        values: places.map((place) => Math.sin(place + seed) + (moved?.at === place ? moved.by : 0)),
      };
    });
  };
  const given = { words: sparse(1), more: sparse(2), id: ids };
  const of = [0, 1, 1, 0, 1];
  const { inputs, values } = await model.gradient(given, { of, batchSize: 2 });
  t.deepEqual(Object.keys(inputs).sort(), ['more', 'words']);
  const scores = async (samples: typeof given) => {
    const { data } = await model.predict(samples);
    return of.map((place, i) => data[2 * i + place] as number);
  };
  t.deepEqual([...values], await scores(given));
  for (const [name, seed] of [
    ['words', 1],
    ['more', 2],
  ] as const) {
    const gradient = inputs[name];
    t.deepEqual([...(gradient?.offsets ?? [])], [0, 2, 2, 5, 6, 10]);
    t.deepEqual(gradient?.shape, [10]);
    const expected = new Float64Array(10);
    for (let at = 0; at < 10; at++) {
      const moved = async (by: number) =>
        (await scores({ ...given, [name]: sparse(seed, { at, by }) })).reduce((sum, value) => sum + value, 0);
      expected[at] = ((await moved(1 / 64)) - (await moved(-1 / 64))) * 32;
    }
    const share = shareOf(gradient?.data as Float32Array, expected);
    t.true(share <= 1, `${name}: ${share}`);
  }
  t.deepEqual(
    (await model.gradient(given, { of, threads: 2 })).inputs,
    (await model.gradient(given, { of, threads: 1 })).inputs,
  );
  // A view of a dataset has the entries of its own samples.
  const set = fromInputs({
    inputs: {
      words: fromSparse({ inputShape: [9], samples: given.words }),
      more: fromSparse({ inputShape: [9], samples: given.more }),
      id: fromArrays({ inputs: ids, inputShape: [1] }),
    },
  }).select([4, 2, 1]);
  const view = await model.gradient(set, { of: [1, 1, 1] });
  t.deepEqual([...(view.inputs.words?.offsets ?? [])], [0, 4, 7, 7]);
  const all = inputs.words?.data ?? new Float32Array();
  const picked = Float64Array.of(...all.subarray(6, 10), ...all.subarray(2, 5));
  t.true(shareOf(view.inputs.words?.data as Float32Array, picked) <= 1);
});

test('ids alone have no gradient, and sparse samples in graphs', async (t) => {
  const one = input([1]);
  const model = graph({
    inputs: { one },
    output: one.pipe(embedding({ rows: 5, units: 2 }), flatten(), dense({ units: 1 })),
  });
  await checkError(t, 'INVALID_OPTION', [
    () => model.gradient({ one: Int32Array.of(1) }, { of: 0 }),
    'gradient: the model reads ids, which have no gradient; use the weights of its tables',
  ]);
  const single = sequential({ inputShape: [6] }, [sparseDense({ units: 1 })]);
  await checkError(t, 'INVALID_OPTION', [
    () => single.gradient([[1, 2]] as never, { of: 0 }),
    'gradient: sparse samples have gradients by the values of their features in models made by graph, graph({ inputs: { x: input([n]) }, output }); make the model so',
  ]);
});

const run = (of: unknown, options: object = {}) =>
  network().gradient(samplesOf({ image, facts }), wrongly({ of, ...options }));
testErrors(test, 'INVALID_OPTION', [
  [
    () => run(0),
    'gradient: of must be "loss" or places in one of the heads "kind" and "price", such as { kind: 0 }, got 0',
  ],
  [
    () => run({ kind: 0, price: 0 }),
    'gradient: of must be "loss" or places in one of the heads "kind" and "price", such as { kind: 0 }, got an object',
  ],
  [() => run({ kinds: 0 }), 'gradient: of: there is no head "kinds"; did you mean "kind"?'],
  [
    () => run({ kind: 3 }),
    'gradient: of.kind must be the place of one of the 3 outputs [3], an integer from 0 to 2, got 3',
  ],
  [
    () => run({ price: [0, 0, 0, 1, 0, 0, 0] }),
    'gradient: of.price[3] must be the place of one of the 1 outputs [1], an integer from 0 to 0, got 1',
  ],
  [
    () => run({ kind: 0 }, { lossWeights: { kind: 1 } }),
    "gradient: lossWeights needs of: 'loss'; leave out one of them",
  ],
]);
testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => run({ kind: [0, 1] }),
    'gradient: of.kind has 2 places, there are 7 samples; give one for each, or one number for all',
  ],
]);
