/** Streams of samples of several inputs and targets. Threads: 1, on the smallest of nets. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  adagrad,
  concat,
  dense,
  embedding,
  embeddingBag,
  flatten,
  fromArrays,
  fromInputs,
  fromSparse,
  fromStream,
  graph,
  input,
  sequential,
  Trainer,
  writeShards,
} from '../../lib/index.ts';
import { checkError, wrongly } from './errors.ts';

const SHAPES = { user: [1], tags: [6], facts: [2], pixels: [2, 2] } as const;

const userOf = (i: number) => (i * 5) % 7;
const tagsOf = (i: number) =>
  i % 3 === 0
    ? { indices: [] }
    : i % 3 === 1
      ? { indices: [i % 6, (i * 2) % 6] }
      : { indices: [i % 6], values: [0.5 + (i % 4)] };
const factsOf = (i: number) => [Math.sin(i), Math.cos(i * 3)] as const;
const pixelsOf = (i: number) => Uint8Array.of(i % 256, (i * 3) % 256, (i * 7) % 256, 255 - (i % 256));
const labelOf = (i: number) => ((i * 7) % 10 < 4 ? 1 : 0);
const targetsOf = (i: number) => ({ kind: (i * 3) % 3, price: [Math.sin(i * 2), i % 2] });

const inputOf = (i: number) => ({
  user: Int32Array.of(userOf(i)),
  tags: tagsOf(i),
  facts: factsOf(i),
  pixels: pixelsOf(i),
});

const range = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i);
const flat = (rows: readonly ArrayLike<number>[]) => rows.flatMap((row) => [...Array.from(row)]);

const inputsOf = (places: readonly number[]) => ({
  user: fromArrays({ inputs: Int32Array.from(places, userOf), inputShape: [1] }),
  tags: fromSparse({ inputShape: [6], samples: places.map(tagsOf) }),
  facts: fromArrays({ inputs: Float32Array.from(flat(places.map(factsOf))), inputShape: [2] }),
  pixels: fromArrays({ inputs: Uint8Array.from(flat(places.map(pixelsOf))), inputShape: [2, 2] }),
});

const setOf = (first: number, end: number) =>
  fromInputs({ inputs: inputsOf(range(first, end)), labels: range(first, end).map(labelOf) });

const targetSetOf = (first: number, end: number) => {
  const places = range(first, end);
  const targets = places.map(targetsOf);
  return fromInputs({
    inputs: inputsOf(places),
    targets: { kind: targets.map(({ kind }) => kind), price: targets.map(({ price }) => price) },
  });
};

function trunk() {
  const nodes = { user: input([1]), tags: input([6]), facts: input([2]), pixels: input([2, 2]) };
  const node = concat([
    nodes.user.pipe(embedding({ rows: 7, units: 3 }), flatten()),
    nodes.tags.pipe(embeddingBag({ units: 2 })),
    nodes.facts,
    nodes.pixels.pipe(flatten(), dense({ units: 2, activation: 'tanh' })),
  ]).pipe(dense({ units: 5, activation: 'tanh' }));
  return { nodes, node };
}

const options = { optimizer: adagrad({ learningRate: 0.1 }), threads: 1, seed: 4 };

function newTrainer() {
  const { nodes, node } = trunk();
  const model = graph({ inputs: nodes, output: node.pipe(dense({ units: 2 })), seed: 1 });
  return new Trainer(model, { ...options, loss: 'softmaxCrossEntropy', metrics: ['accuracy'] });
}

const LOSS = { kind: 'softmaxCrossEntropy', price: 'meanSquaredError' } as const;

function newHeadsTrainer() {
  const { nodes, node } = trunk();
  const outputs = { kind: node.pipe(dense({ units: 3 })), price: node.pipe(dense({ units: 2 })) };
  return new Trainer(graph({ inputs: nodes, outputs, seed: 1 }), { ...options, loss: LOSS });
}

async function* samples(count: number) {
  for (let i = 0; i < count; i++) yield { input: inputOf(i), label: labelOf(i) };
}

const stream = fromStream as (source: unknown, given: object) => never;
const streamOf = (source: unknown, given: object = {}) =>
  stream(source, { inputShape: SHAPES, samplesPerEpoch: 50, ...given });

test('each part is an epoch, as if its samples were a set of fromInputs', async (t) => {
  const reference = newTrainer();
  const validation = setOf(500, 530);
  const figures: number[] = [];
  for (const [first, end] of [
    [0, 50],
    [50, 100],
    [100, 120],
  ] as const) {
    const { epochs } = await reference.fit(setOf(first, end), { validation });
    figures.push(epochs[0]?.loss ?? 0, epochs[0]?.accuracy ?? 0, epochs[0]?.validation.loss ?? 0);
  }
  const trainer = newTrainer();
  const typed = fromStream(samples(120), { inputShape: SHAPES, samplesPerEpoch: 50 });
  t.deepEqual(typed.inputShape, { user: [1], tags: [6], facts: [2], pixels: [2, 2] });
  const { epochs } = await trainer.fit(typed, { validation });
  t.deepEqual(
    epochs.flatMap(({ loss, accuracy, validation: judged }) => [loss, accuracy, judged.loss]),
    figures,
  );
  t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
  t.deepEqual(await trainer.model.predict(setOf(7, 9)), await reference.model.predict(setOf(7, 9)));
});

test('batches, data sets, a model’s own shapes and arrays that are used again give the same', async (t) => {
  const reference = newTrainer();
  for (const first of [0, 50, 100]) await reference.fit(setOf(first, first + 50));
  const forms: Readonly<Record<string, () => Iterable<unknown>>> = {
    batches: function* () {
      const user = new Int32Array(25);
      const facts = new Float32Array(50);
      for (let first = 0; first < 150; first += 25) {
        const places = range(first, first + 25);
        user.set(places.map(userOf));
        facts.set(flat(places.map(factsOf)));
        const inputs = { pixels: places.map(pixelsOf), user, tags: places.map(tagsOf), facts };
        yield { inputs, labels: places.map(labelOf) };
      }
    },
    sets: () => [setOf(0, 50), setOf(50, 100), setOf(100, 150)],
    mixed: () => [
      ...range(0, 50).map((i) => ({ input: inputOf(i), label: labelOf(i) })),
      setOf(50, 100),
      ...range(100, 150).map((i) => ({ input: inputOf(i), label: labelOf(i) })),
    ],
    reused: function* () {
      const user = new Int32Array(1);
      const [facts, pixels] = [new Float32Array(2), new Uint8Array(4)];
      const tags = { indices: new Uint32Array(2), values: new Float32Array(2) };
      for (const i of range(0, 150)) {
        user[0] = userOf(i);
        facts.set(factsOf(i));
        pixels.set(pixelsOf(i));
        const { indices, values } = tagsOf(i);
        tags.indices.set(indices);
        tags.values.set(values ?? indices.map(() => 1));
        const own = {
          indices: tags.indices.subarray(0, indices.length),
          values: tags.values.subarray(0, indices.length),
        };
        yield { input: { user, facts, pixels, tags: own }, label: labelOf(i) };
      }
    },
  };
  for (const [name, form] of Object.entries(forms)) {
    const trainer = newTrainer();
    const { epochs } = await trainer.fit(streamOf(form(), { inputShape: trainer.model.inputShape }));
    t.is(epochs.length, 3, name);
    t.deepEqual(trainer.model.getWeights(), reference.model.getWeights(), name);
  }
});

test('targets by name: a number is a class, a list target values', async (t) => {
  const reference = newHeadsTrainer();
  const losses: number[] = [];
  for (const [first, end] of [
    [0, 50],
    [50, 80],
  ] as const) {
    const { epochs } = await reference.fit(targetSetOf(first, end));
    losses.push(epochs[0]?.kind_loss ?? 0, epochs[0]?.price_loss ?? 0);
  }
  const forms = {
    samples: () => range(0, 80).map((i) => ({ input: inputOf(i), label: targetsOf(i) })),
    batches: () =>
      [0, 40].map((first) => {
        const places = range(first, first + 40);
        const targets = places.map(targetsOf);
        return {
          inputs: {
            user: Int32Array.from(places, userOf),
            tags: places.map(tagsOf),
            facts: places.map(factsOf),
            pixels: Uint8Array.from(flat(places.map(pixelsOf))),
          },
          labels: {
            price: Float32Array.from(flat(targets.map(({ price }) => price))),
            kind: Uint8Array.from(targets, ({ kind }) => kind),
          },
        };
      }),
  };
  for (const [name, form] of Object.entries(forms)) {
    const trainer = newHeadsTrainer();
    const typed = fromStream(form() as never, {
      inputShape: SHAPES,
      labelKind: 'targets',
      samplesPerEpoch: 50,
    });
    const { epochs } = await trainer.fit(typed);
    t.deepEqual(
      epochs.flatMap(({ kind_loss, price_loss }) => [kind_loss, price_loss]),
      losses,
      name,
    );
    t.deepEqual(trainer.model.getWeights(), reference.model.getWeights(), name);
  }
});

test('types hold streams against their models', (t) => {
  const trainer = newTrainer();
  const other = fromStream([{ input: { user: [1] }, label: 1 }], { inputShape: { user: [1] } });
  // @ts-expect-error: the model has more inputs.
  t.throws(() => trainer.fit(other), { code: 'SHAPE_MISMATCH' });
  const values = fromStream(samples(1), { inputShape: SHAPES, labelKind: 'values' });
  // @ts-expect-error: the loss takes classes.
  t.throws(() => trainer.fit(values), { code: 'INVALID_DATA' });
  const plain = sequential({ inputShape: [2] }, [dense({ units: 2 })]);
  const single = new Trainer(plain, { ...options, loss: 'softmaxCrossEntropy' });
  // @ts-expect-error: the model has one input without a name.
  t.throws(() => single.fit(other), { code: 'SHAPE_MISMATCH' });
  // @ts-expect-error: an input of the stream is missing.
  t.truthy(fromStream([{ input: { user: [1] }, label: 1 }], { inputShape: { user: [1], age: [1] } }));
});

test('what is wrong with an item is said, with its place and input', async (t) => {
  const good = { input: inputOf(0), label: 1 };
  const but = (input: object, label: unknown = 1) => ({ input: { ...inputOf(1), ...input }, label });
  const batch = (inputs: object, labels: unknown = [1, 0]) => ({
    inputs: {
      user: Int32Array.of(1, 2),
      tags: [tagsOf(1), tagsOf(2)],
      facts: [factsOf(1), factsOf(2)],
      pixels: [pixelsOf(1), pixelsOf(2)],
      ...inputs,
    },
    labels,
  });
  const items: readonly (readonly [item: unknown, code: string, message: string])[] = [
    [
      { input: [1, 2], label: 1 },
      'INVALID_DATA',
      'must have input by name, of user, tags, facts and pixels, got [1, 2]',
    ],
    [
      { label: 1 },
      'INVALID_DATA',
      'must be a sample { input, label }, a batch { inputs, labels } or a Dataset, got an object',
    ],
    [
      but({ fact: [1, 2] }),
      'INVALID_DATA',
      'has an input "fact" that the stream has not; did you mean "facts"?',
    ],
    [
      but({ facts: undefined }),
      'INVALID_DATA',
      'has no input "facts"; the stream has user, tags, facts and pixels',
    ],
    [
      but({ facts: Float32Array.of(1, 2, 3) }),
      'INVALID_DATA',
      'has 3 values of input.facts, and samples have shape [2]',
    ],
    [
      but({ facts: [1] }),
      'SHAPE_MISMATCH',
      'has 1 values of input.facts, and samples have shape [2]; features of a sparse sample are { indices: [...] }',
    ],
    [
      but({ facts: [1, Number.NaN] }),
      'INVALID_DATA',
      ': input.facts must be finite float32 numbers, but value 1 of sample 0 is NaN; mend or drop such samples',
    ],
    [
      but({ facts: Int32Array.of(1, 2) }),
      'INVALID_DATA',
      'has input.facts as an Int32Array among samples of Float32Array',
    ],
    [
      but({ tags: new Float32Array(6) }),
      'INVALID_DATA',
      'has input.tags as a Float32Array among sparse samples',
    ],
    [
      but({ facts: { indices: [1] } }),
      'INVALID_DATA',
      'has input.facts as sparse among samples of Float32Array',
    ],
    [
      but({ pixels: { indices: [1] } }),
      'INVALID_DATA',
      'must have input.pixels as the values of a sample [2, 2], ids as an Int32Array, or { indices, values } of a sparse one, got an object',
    ],
    [
      but({ tags: { indices: [2, 6] } }),
      'ID_OUT_OF_RANGE',
      ': input.tags.indices[1] must be the number of a feature, an integer from 0 to 5, got 6',
    ],
    [
      but({ tags: { indices: [2], values: [1, 2] } }),
      'SHAPE_MISMATCH',
      ': input.tags has 1 indices and 2 values; expected one value for each',
    ],
    [batch({ user: Int32Array.of(1) }), 'INVALID_DATA', 'has 1 samples of input "user" and 2 of "tags"'],
    [
      batch({ facts: new Float32Array(3) }),
      'INVALID_DATA',
      'has 3 values of input "facts", and samples have shape [2]',
    ],
    [batch({ facts: 3 }), 'INVALID_DATA', 'must have a list of samples of input "facts", got 3'],
    [batch({}, [1]), 'INVALID_DATA', 'has 1 labels for 2 samples'],
  ];
  for (const [item, code, message] of items) {
    const trainer = newTrainer();
    await checkError(t, code as never, [
      () => trainer.fit(streamOf([good, item])),
      `fit: item 1 of the stream${message.startsWith(':') ? '' : ' '}${message}`,
    ]);
  }
  const targets: readonly (readonly [item: unknown, message: string])[] = [
    [but({}, 1), 'must have labels by the names of heads, got 1'],
    [but({}, { kind: 1 }), 'has the targets "kind", and samples before it "kind" and "price"'],
    [
      but({}, { kind: 1, price: 2 }),
      'has target "price" 2; a number is a class, and a list target values, of all samples alike',
    ],
    [batch({}, [1, 0]), 'must have labels by the names of heads, got [1, 0]'],
    [
      batch({}, { kind: [1, 0], price: Float32Array.of(1, 2, 3) }),
      'has 3 labels of target "price" for 2 samples',
    ],
  ];
  for (const [item, message] of targets) {
    const first = { ...good, label: targetsOf(0) };
    await checkError(t, 'INVALID_DATA', [
      () => newHeadsTrainer().fit(streamOf([first, item], { labelKind: 'targets' })),
      `fit: item 1 of the stream ${message}`,
    ]);
  }
  await checkError(t, 'INVALID_OPTION', [
    () => fromStream([], { inputShape: [2], labelKind: wrongly('targets') }),
    'fromStream: labelKind "targets" goes with inputs by name, which models of several heads have; give inputShape as { x: [4] }',
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => fromStream([], { inputShape: wrongly({ user: 1 }) }),
    'fromStream: inputShape must be the shape of one sample without the batch, such as [4] or [28, 28, 1], or an object of shapes by the names of inputs, got an object',
  ]);
  const folder = join(mkdtempSync(join(tmpdir(), 'gradloom-')), 'set');
  await t.throwsAsync(writeShards(streamOf([good]), folder), {
    code: 'INVALID_DATA',
    message: /^writeShards: input "tags" is sparse; shards hold uint8, float32 and ids as int32/,
  });
});
