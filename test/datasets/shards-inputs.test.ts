/** Shards of samples of several inputs, of ids and of several targets. */
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type AnyDataset, anyPartsOf } from '../../lib/datasets/dataset.ts';
import { isMapped } from '../../lib/datasets/parts/mapped-inputs.ts';
import { namedInputsOf } from '../../lib/datasets/shards/shard-kind.ts';
import {
  adagrad,
  concat,
  type Dataset,
  dense,
  embedding,
  flatten,
  fromArrays,
  fromInputs,
  fromRows,
  fromSparse,
  fromStream,
  fromTable,
  graph,
  input,
  readShards,
  sequential,
  standardize,
  Trainer,
  writeShards,
} from '../../lib/index.ts';
import { checkError, wrongly } from '../api/errors.ts';
import { folderWith } from './files.ts';

const COUNT = 53;
type Shapes = { user: [2]; facts: [3]; pixels: [5] };
const range = (length: number) => Array.from({ length }, (_, i) => i);

const idsOf = (i: number) => Int32Array.of((i * 5) % 11, (i * 3) % 11);
const factsOf = (i: number) => Float32Array.of(Math.sin(i), i / 3, -1 - i);
const pixelsOf = (i: number) => Uint8Array.from(range(5), (j) => (i * 37 + j * 11) % 256);
const targetsOf = (i: number) => ({ kind: (i * 3) % 4, price: [Math.cos(i), i / 7] });

const flat = (of: (i: number) => ArrayLike<number>, count = COUNT) =>
  range(count).flatMap((i) => Array.from(of(i)));
const user = fromArrays({ inputs: Int32Array.from(flat(idsOf)), inputShape: [2] });
const facts = fromArrays({ inputs: Float32Array.from(flat(factsOf)), inputShape: [3] });
const pixels = fromArrays({ inputs: Uint8Array.from(flat(pixelsOf)), inputShape: [5], scale: 1 / 255 });
const several = fromInputs({
  inputs: { pixels, user, facts },
  targets: {
    kind: range(COUNT).map((i) => targetsOf(i).kind),
    price: Float32Array.from(range(COUNT).flatMap((i) => targetsOf(i).price)),
  },
  sampleWeights: Float32Array.from(range(COUNT), (i) => i / 8),
});

const rows = range(COUNT).map((i) => ({
  size: i * 1.5,
  city: ['Oslo', 'Rome', 'Bern'][i % 3],
  sort: i % 2 ? 'a' : 'b',
}));

const SETS: Readonly<Record<string, () => AnyDataset | Promise<AnyDataset>>> = {
  'ids, floats and bytes with targets and weights': () => several,
  'a shuffled view': () => several.shuffle(3).take(31),
  'one input of ids, with classes': () =>
    fromArrays({
      inputs: Int32Array.from(flat(idsOf)),
      inputShape: [2],
      labels: range(COUNT).map((i) => i % 3),
      classNames: ['a', 'b', 'c', 'd'],
    }),
  'ids alone, two inputs': () =>
    fromInputs({
      inputs: { a: user, b: fromArrays({ inputs: Int32Array.from(range(COUNT)), inputShape: [1] }) },
    }),
  'columns of a table': async () =>
    fromTable(standardize(await fromRows(rows, { target: 'sort', categories: 'index' }))[0]),
  'bytes and standardized floats with values': () =>
    fromInputs({
      inputs: { pixels, facts: standardize(facts)[0] },
      labels: Float32Array.from(range(2 * COUNT), Math.sin),
    }),
};

/** A path that does not exist yet. */
const newFolder = (t: ExecutionContext) => join(folderWith(t, {}), 'set');

const samplesOf = (set: AnyDataset) => range(set.length).map((place) => set.at(place));

function factsOfSet(set: AnyDataset) {
  const { inputShape, labelKind, labelShape, classNames, classCount } = set;
  const { sampleWeights, targets } = anyPartsOf(set.take(set.length).concat());
  const inputs = namedInputsOf(anyPartsOf(set)).map(([name, { preprocessing, table }]) => {
    return { name, preprocessing, columns: table?.inputs, targets: table?.targets };
  });
  return { inputShape, labelKind, labelShape, classNames, classCount, sampleWeights, targets, inputs };
}

for (const [name, make] of Object.entries(SETS)) {
  for (const samplesPerShard of [1, 7, 1000]) {
    test(`${name}, ${samplesPerShard} samples a file: what is read is what was written`, async (t) => {
      const [data, folder] = [await make(), newFolder(t)];
      const written = await writeShards(data, folder, { samplesPerShard });
      t.like(written, { samples: data.length, files: Math.ceil(data.length / samplesPerShard) });
      const read: AnyDataset = await readShards(folder, { verify: true });
      t.deepEqual(samplesOf(read), samplesOf(data));
      t.deepEqual(factsOfSet(read), factsOfSet(data));
      for (const [, { inputs }] of namedInputsOf(anyPartsOf(read))) {
        t.true(isMapped(inputs) || inputs instanceof Int32Array);
      }
    });
  }
}

function newTrainer(threads: number) {
  const nodes = { user: input([2]), facts: input([3]), pixels: input([5]) };
  const trunk = concat([
    nodes.user.pipe(embedding({ rows: 11, units: 3 }), flatten()),
    nodes.facts,
    nodes.pixels,
  ]).pipe(dense({ units: 6, activation: 'tanh' }));
  const outputs = { kind: trunk.pipe(dense({ units: 4 })), price: trunk.pipe(dense({ units: 2 })) };
  return new Trainer(graph({ inputs: nodes, outputs, seed: 1 }), {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: { kind: 'softmaxCrossEntropy', price: 'meanSquaredError' },
    threads,
    seed: 4,
  });
}

test('a graph of several inputs and heads trains with the bits of memory, in random order and on views', async (t) => {
  const trainOn = async (data: Dataset<Shapes, 'targets'>, threads: number) => {
    const [train, validation] = data.split({ fraction: 0.8, seed: 1 });
    const trainer = newTrainer(threads);
    const { epochs } = await trainer.fit(train, { epochs: 3, batchSize: 8, validation });
    const figures = epochs.map(({ loss, kind_loss, price_loss, validation: judged }) => {
      return [loss, kind_loss, price_loss, judged.loss];
    });
    const predicted = await trainer.model.predict(validation);
    return { figures, predicted, weights: trainer.model.getWeights() };
  };
  const folder = newFolder(t);
  await writeShards(several, folder, { samplesPerShard: 9 });
  const expected = await trainOn(several, 1);
  t.true(Number.isFinite(expected.figures.at(-1)?.[0]));
  for (const threads of [1, 2]) {
    t.deepEqual(await trainOn(await readShards<'targets', Shapes>(folder), threads), expected);
  }
});

test('a stream of samples, batches and data sets whose inputs stand in another order', async (t) => {
  const sampleOf = (i: number) => ({
    input: { user: idsOf(i), facts: factsOf(i), pixels: pixelsOf(i) },
    label: targetsOf(i),
  });
  const setOf = (places: readonly number[]) =>
    fromInputs({
      inputs: {
        pixels: fromArrays({ inputs: places.map((i) => [...pixelsOf(i)]), inputShape: [5] }),
        facts: fromArrays({ inputs: places.map((i) => [...factsOf(i)]), inputShape: [3] }),
        user: fromArrays({ inputs: Int32Array.from(places.flatMap((i) => [...idsOf(i)])), inputShape: [2] }),
      },
      targets: {
        price: places.map((i) => targetsOf(i).price),
        kind: places.map((i) => targetsOf(i).kind),
      },
    });
  async function* items() {
    for (const i of range(11)) yield sampleOf(i);
    const places = range(19).map((i) => i + 11);
    yield {
      inputs: { user: places.map(idsOf), facts: places.map(factsOf), pixels: places.map(pixelsOf) },
      labels: {
        kind: places.map((i) => targetsOf(i).kind),
        price: places.map((i) => targetsOf(i).price),
      },
    };
  }
  const shapes = { user: [2], facts: [3], pixels: [5] } as const;
  const options = { inputShape: shapes, labelKind: 'targets', samplesPerEpoch: 8 } as const;
  const folder = newFolder(t);
  const written = await writeShards(fromStream(items(), options), folder, { samplesPerShard: 13 });
  t.like(written, { samples: 30, files: 3 });
  t.deepEqual(
    samplesOf(await readShards<'targets', Shapes>(folder)),
    range(30).map((i) => {
      const { kind, price } = targetsOf(i);
      const { user, facts, pixels } = sampleOf(i).input;
      const read = { user: Float32Array.from(user), facts, pixels: Float32Array.from(pixels) };
      return { input: read, label: { kind, price: Float32Array.from(price) } };
    }),
  );
  const again = newFolder(t);
  const floats = fromInputs({ inputs: { user, facts, pixels: facts }, labels: range(COUNT).map(() => 0) });
  async function* sets() {
    yield setOf([4, 2]);
    yield sampleOf(7);
  }
  await checkError(t, 'SHAPE_MISMATCH', [
    () => writeShards(fromStream(wrongly(sets()), options), again),
    'writeShards: a data set of the stream has inputType of input "pixels" "uint8", the first "float32"',
  ]);
  t.deepEqual(readdirSync(again), []);
  await checkError(t, 'SHAPE_MISMATCH', [
    () => writeShards(fromStream(wrongly([setOf([1]), floats]), options), again),
    'writeShards: a data set of the stream has inputShape of input "pixels" [3], the first [5]',
  ]);
  await writeShards(fromStream(wrongly([setOf([4, 2]), setOf([0])]), options), again);
  t.deepEqual(samplesOf(await readShards<'targets', Shapes>(again)), samplesOf(setOf([4, 2, 0])));
});

test('what shards do not hold is refused before a folder is made', async (t) => {
  const folder = newFolder(t);
  const tags = fromSparse({ inputShape: [6], samples: range(COUNT).map((i) => [i % 6]) });
  await checkError(t, 'INVALID_DATA', [
    () => writeShards(fromInputs({ inputs: { facts, tags } }), folder),
    'writeShards: input "tags" is sparse; shards hold uint8, float32 and ids as int32, as many in every sample',
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => writeShards(fromStream([], { inputShape: { facts: [3] } }), folder),
    'writeShards: the stream has no samples; a set has at least one',
  ]);
  t.false(existsSync(folder));
  const set = (inputs: Readonly<Record<string, Dataset>>) =>
    fromInputs({ inputs, labels: range(COUNT).map(() => 0) });
  const streamed = (...sets: readonly AnyDataset[]) =>
    fromStream(wrongly(sets), { inputShape: { facts: [3] } });
  await checkError(t, 'SHAPE_MISMATCH', [
    () => writeShards(streamed(set({ facts, user }), set({ facts })), folder),
    'writeShards: a data set of the stream has the inputs "facts", the first "facts" and "user"',
  ]);
  const plain = fromArrays({ inputs: [[1]], inputShape: [1], labels: [0] });
  await checkError(t, 'SHAPE_MISMATCH', [
    () => writeShards(streamed(set({ facts }), plain), folder),
    'writeShards: a data set of the stream has the inputs one without a name, the first "facts"',
  ]);
  t.deepEqual(readdirSync(folder), []);
});

test('errors of reading name the file and the field', async (t) => {
  const folder = newFolder(t);
  await writeShards(several, folder, { samplesPerShard: 20 });
  const [manifest, shard] = [join(folder, 'shards.json'), join(folder, 'shard-00001.bin')];
  const intact = readFileSync(shard);
  const read = () => readShards<'targets', Shapes>(folder);
  const write = (change: (bytes: Buffer) => void) => {
    const damaged = Buffer.from(intact);
    change(damaged);
    writeFileSync(shard, damaged);
  };
  write((bytes) => bytes.writeUInt8(4, 56));
  await checkError(t, 'FILE_FORMAT', [
    read,
    `${shard}: at byte 56: ids is not what the manifest of the set says; is the file of another set?`,
  ]);
  // 20 samples of 3 floats, 5 bytes and 3 of padding; ids from a multiple of 64 on.
  const idsAt = 64 + 7 * 64;
  t.is(intact.length, idsAt + 192 + 256 + 80);
  t.is(intact.readInt32LE(idsAt + 4), idsOf(20)[1] as number);
  write((bytes) => bytes.writeInt32LE(-5, idsAt + 4));
  await checkError(t, 'ID_OUT_OF_RANGE', [
    read,
    'readShards: inputs.user: inputs must be ids, integers from 0 to 2147483647, but value 1 of sample 20 is -5',
  ]);
  write((bytes) => bytes.writeFloatLE(1.5, idsAt + 192));
  await checkError(t, 'INVALID_DATA', [
    read,
    'readShards: targets.kind: labels[20] must be a class, an integer from 0, got 1.5; for target values give a Float32Array, an array for each sample or labelKind "values"',
  ]);
  await checkError(t, 'CHECKSUM_MISMATCH', [
    () => readShards(folder, { verify: true }),
    `${shard}: the checksum of the manifest is another; the file was damaged: write or copy it again`,
  ]);
  writeFileSync(shard, intact);
  truncateSync(shard, 900);
  await checkError(t, 'FILE_FORMAT', [
    read,
    `${shard}: at byte 900: the file has 900 bytes; expected ${intact.length}`,
  ]);
  rmSync(shard);
  await checkError(t, 'FILE_NOT_FOUND', [read, `${shard}: there is no such file; check the path`]);

  writeFileSync(shard, intact);
  const text = readFileSync(manifest, 'utf8');
  const record = JSON.parse(text);
  const [first, second, third] = record.inputs;
  const changes: readonly (readonly [change: object, message: string])[] = [
    [{ version: 3, news: 1 }, 'manifest: version must be an integer from 1 to 2, got 3'],
    [{ inputs: undefined }, 'manifest: inputs is missing; it must be a list of at least one'],
    [{ inputs: [first, first] }, 'manifest: inputs does not go with the other fields'],
    [
      { inputs: [first, { ...second, name: undefined }] },
      'manifest: inputs does not go with the other fields',
    ],
    [
      { inputs: [first, { ...second, name: 'a b' }] },
      'inputs[1]: name must be a name of 1 to 100 letters, digits, _ and -, got "a b"',
    ],
    [
      { inputs: [first, second, { ...third, inputType: 'int64' }] },
      'inputs[2]: inputType must be "uint8", "float32" or "int32", got "int64"',
    ],
    [{ targets: undefined }, 'manifest: targets does not go with the other fields'],
    [{ targets: record.targets.slice(1) }, 'manifest: targets does not go with the other fields'],
    [
      { targets: [{ ...record.targets[0], shape: [1] }] },
      'targets[0]: shape does not go with the other fields',
    ],
  ];
  for (const [change, message] of changes) {
    writeFileSync(manifest, JSON.stringify({ ...record, ...change }));
    await checkError(t, 'FILE_FORMAT', [read, `${manifest}: ${message}`]);
  }
  // Without an input its files have other lengths.
  writeFileSync(manifest, JSON.stringify({ ...record, inputs: [first, second] }));
  await checkError(t, 'FILE_FORMAT', [
    read,
    `${join(folder, 'shard-00000.bin')}: at byte 720: the file has ${intact.length} bytes; expected 720`,
  ]);
  writeFileSync(manifest, text);
  t.deepEqual(samplesOf(await read()), samplesOf(several));
});

test('a file that is cut short under a reader, and a model that wants another input', async (t) => {
  const folder = newFolder(t);
  await writeShards(several, folder, { samplesPerShard: 1000 });
  const read = await readShards<'targets', Shapes>(folder);
  const without = fromInputs({
    inputs: { user: read.input('user'), facts: read.input('facts') },
    targets: { kind: range(COUNT).map(() => 0), price: Float32Array.from(range(2 * COUNT)) },
  });
  const error = t.throws(() => newTrainer(1).fit(wrongly(without)), { code: 'SHAPE_MISMATCH' });
  t.regex(error?.message ?? '', /pixels/);
  const trainer = newTrainer(1);
  const before = trainer.model.getWeights();
  truncateSync(join(folder, 'shard-00000.bin'), 64);
  await t.throwsAsync(trainer.fit(read, { batchSize: COUNT }), {
    code: 'FILE_CHANGED',
    message: /shard-00000\.bin/,
  });
  t.deepEqual(trainer.model.getWeights(), before);
});

test('sets of one input of bytes or floats are written as before, and those of before are read', async (t) => {
  const folder = newFolder(t);
  await writeShards(fromArrays({ inputs: Float32Array.of(1, 2, 3, 4), inputShape: [2] }), folder);
  t.is(JSON.parse(readFileSync(join(folder, 'shards.json'), 'utf8')).version, 1);
  t.deepEqual([...readFileSync(join(folder, 'shard-00000.bin')).subarray(56, 64)], Array(8).fill(0));

  const bytes = Buffer.alloc(192 + 2);
  bytes.write('GLSHARD1');
  for (const [place, value] of [2, 3, 1, 0].entries()) bytes.writeBigUInt64LE(BigInt(value), 8 + 8 * place);
  bytes.fill(0xab, 40, 56);
  bytes.set([10, 20, 30, 40, 50, 60], 64);
  bytes.set([1, 0], 128);
  const record = {
    ...{ format: 'gradloom-shards', version: 1, inputShape: [3], inputType: 'uint8', labelKind: 'class' },
    ...{ labelShape: [], labelType: 'uint8', weighted: false, preprocessing: { scale: [2], shift: [1] } },
    ...{ id: 'ab'.repeat(16), classCount: 2 },
    shards: [{ file: 'x.bin', samples: 2, sha256: '0'.repeat(64) }],
  };
  const old = folderWith(t, { 'x.bin': bytes.subarray(0, 192), 'shards.json': JSON.stringify(record) });
  t.deepEqual(samplesOf(await readShards(old)), [
    { input: Float32Array.of(21, 41, 61), label: 1 },
    { input: Float32Array.of(81, 101, 121), label: 0 },
  ]);
});

test('ids in files are held against the rows of a table before a step', async (t) => {
  const folder = newFolder(t);
  const ids = fromArrays({ inputs: Int32Array.of(0, 3, 9), inputShape: [1], labels: [0, 1, 1] });
  await writeShards(ids, folder);
  const model = sequential({ inputShape: [1] }, [embedding({ rows: 9, units: 2 }), flatten()]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads: 1 });
  await t.throwsAsync(trainer.fit(wrongly(await readShards(folder))), {
    code: 'ID_OUT_OF_RANGE',
    message: /sample 2 has the id 9/,
  });
});
