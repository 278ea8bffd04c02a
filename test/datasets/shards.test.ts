/** Prepared data in a folder of ours: written from data sets and streams, mapped when read. */
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { partsOf } from '../../lib/datasets/dataset.ts';
import { writeNpy } from '../../lib/datasets/index.ts';
import { isMapped } from '../../lib/datasets/parts/mapped-inputs.ts';
import {
  adagrad,
  type Dataset,
  dense,
  fromArrays,
  fromRows,
  fromSparse,
  fromStream,
  npy,
  readShards,
  sequential,
  standardize,
  Trainer,
  writeShards,
} from '../../lib/index.ts';
import { checkError, wrongly } from '../api/errors.ts';
import { folderWith } from './files.ts';
import { labelsOf, rowsOf } from './rows.ts';

const COUNT = 53;
const range = (length: number) => Array.from({ length }, (_, i) => i);
const floats = fromArrays({
  inputs: Float32Array.from(range(COUNT * 6), (i) => Math.sin(i * i)),
  inputShape: [2, 3],
  labels: range(COUNT).map((i) => i % 4),
  classNames: ['a', 'b', 'c', 'd', 'e'],
  scale: [1, 2, 3],
  shift: 0.5,
});
const bytes = fromArrays({
  inputs: Uint8Array.from(range(COUNT * 5), (i) => (i * 37) % 256),
  inputShape: [5],
  labels: Float32Array.from(range(COUNT * 2), Math.cos),
  sampleWeights: Float32Array.from(range(COUNT), (i) => i / 8),
});

const SETS: Readonly<Record<string, () => Promise<Dataset>>> = {
  'floats with classes and a preprocessing': async () => floats,
  'bytes with values and weights': async () => bytes,
  'a shuffled view': async () => bytes.shuffle(3).take(31),
  'divided by norms, standardized': async () => standardize(floats.normalize({ norm: 'l2' }))[0],
  'without labels': async () => fromArrays({ inputs: new Float32Array(12).fill(2), inputShape: [3] }),
  'rows of a table': () =>
    fromRows(
      range(COUNT).map((i) => ({
        size: i * 1.5,
        city: ['Oslo', 'Rome', 'Bern'][i % 3],
        kind: i % 2 ? 'a' : 'b',
      })),
      { target: 'kind' },
    ),
};

/** A path that does not exist yet. */
const newFolder = (t: ExecutionContext) => join(folderWith(t, {}), 'set');

for (const [name, make] of Object.entries(SETS)) {
  for (const samplesPerShard of [1, 7, 53, 1000]) {
    test(`${name}, ${samplesPerShard} samples a file: what is read is what was written`, async (t) => {
      const [data, folder] = [await make(), newFolder(t)];
      const written = await writeShards(data, folder, { samplesPerShard });
      const files = Math.ceil(data.length / samplesPerShard);
      t.like(written, { samples: data.length, files });
      t.is(readdirSync(folder).length, files + 1);
      const read = await readShards<Dataset['labelKind']>(folder, { verify: true });
      t.true(isMapped(partsOf(read).inputs));
      t.deepEqual([rowsOf(read), labelsOf(read)], [rowsOf(data), labelsOf(data)]);
      const facts = (set: Dataset) => {
        const { inputShape, labelKind, labelShape, classNames, classCount, preprocessing, table } = set;
        const { inputs, targets } = table ?? {};
        const weights = partsOf(set.take(set.length).concat()).sampleWeights;
        return {
          inputShape,
          labelKind,
          labelShape,
          classNames,
          classCount,
          preprocessing,
          inputs,
          targets,
          weights,
        };
      };
      t.deepEqual(facts(read), facts(data));
    });
  }
}

test('training has the bits of the samples in memory, at 1, 2 and 3 threads', async (t) => {
  const trainOn = async (data: Dataset, threads: number) => {
    const model = sequential({ inputShape: [5], seed: 1 }, [dense({ units: 2 })]);
    const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'meanSquaredError', threads });
    await trainer.fit(wrongly(data), { epochs: 3, batchSize: 8 });
    return Object.values(model.getWeights()).map((weight) => weight.data);
  };
  const folder = newFolder(t);
  await writeShards(bytes, folder, { samplesPerShard: 9 });
  const expected = await trainOn(bytes, 1);
  for (const threads of [1, 2, 3]) t.deepEqual(await trainOn(await readShards(folder), threads), expected);
});

test('a stream of samples, batches and data sets, and a mapped file', async (t) => {
  const samples = range(40).map((i) => ({ input: Float32Array.of(i, i + 0.5), label: i % 3 }));
  async function* items() {
    yield* samples.slice(0, 11);
    yield {
      inputs: samples.slice(11, 30).map(({ input }) => input),
      labels: samples.slice(11, 30).map((s) => s.label),
    };
    yield fromArrays({
      inputs: samples.slice(30).map(({ input }) => input),
      inputShape: [2],
      labels: samples.slice(30).map(({ label }) => label),
    });
  }
  const folder = newFolder(t);
  const stream = fromStream(items(), { inputShape: [2], samplesPerEpoch: 8 });
  t.like(await writeShards(stream, folder, { samplesPerShard: 15 }), { samples: 40, files: 3 });
  const read = await readShards(folder);
  t.deepEqual(
    rowsOf(read),
    samples.map(({ input }) => [...input]),
  );
  t.deepEqual(
    labelsOf(read),
    samples.map(({ label }) => label),
  );

  const file = join(folderWith(t, {}), 'x.npy');
  await writeNpy(file, { shape: [20, 3], data: Float32Array.from(range(60), Math.sin) });
  const again = newFolder(t);
  await writeShards(await npy({ inputs: file, memory: 'map' }), again, { samplesPerShard: 6 });
  t.deepEqual(rowsOf(await readShards<'none'>(again)), rowsOf(await npy({ inputs: file })));
});

test('an attempt that fails leaves no set and no file, and gives the source up', async (t) => {
  let isClosed = false;
  async function* failing() {
    try {
      for (let i = 0; i < 25; i++) yield { input: [i], label: 0 };
      throw new Error('the source is gone');
    } finally {
      isClosed = true;
    }
  }
  const folder = newFolder(t);
  const stream = fromStream(failing(), { inputShape: [1], samplesPerEpoch: 5 });
  await t.throwsAsync(writeShards(stream, folder, { samplesPerShard: 10 }), {
    message: 'the source is gone',
  });
  t.deepEqual(readdirSync(folder), []);
  t.true(isClosed);
});

test('errors of writing', async (t) => {
  const folder = newFolder(t);
  await writeShards(floats, folder);
  const before = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  await checkError(t, 'INVALID_OPTION', [
    () => writeShards(bytes, folder),
    `writeShards: ${folder} holds a set already; choose another folder, or remove it first`,
  ]);
  t.deepEqual(
    readdirSync(folder).map((name) => readFileSync(join(folder, name))),
    before,
  );
  await checkError(t, 'INVALID_OPTION', [
    () => writeShards(wrongly([1]), newFolder(t)),
    'writeShards: source must be a Dataset or what fromStream gives, got [1]',
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => writeShards(fromSparse({ inputShape: [5], samples: [[1]] }), newFolder(t)),
    'writeShards: the samples are sparse; shards hold uint8, float32 and ids as int32, as many in every sample',
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => writeShards(fromStream([], { inputShape: [5] }), newFolder(t)),
    'writeShards: the stream has no samples; a set has at least one',
  ]);
  await checkError(t, 'SHAPE_MISMATCH', [
    () =>
      writeShards(
        fromStream([bytes.take(2), bytes.normalize()], { inputShape: [5], labelKind: 'values' }),
        newFolder(t),
      ),
    'writeShards: a data set of the stream has preprocessing {"scale":[0.00392156862745098],"shift":[0]}, the first {"scale":[1],"shift":[0]}',
  ]);
});

test('errors of reading name the file and the field', async (t) => {
  const folder = newFolder(t);
  await writeShards(floats, folder, { samplesPerShard: 20 });
  const manifest = join(folder, 'shards.json');
  const shard = join(folder, 'shard-00001.bin');
  const intact = readFileSync(shard);
  const read = () => readShards(folder);
  const flip = (place: number) => {
    const damaged = Buffer.from(intact);
    damaged[place] = (damaged[place] as number) ^ 1;
    writeFileSync(shard, damaged);
  };
  const fault = (what: string) =>
    `${what} is not what the manifest of the set says; is the file of another set?`;
  for (const [place, what] of [
    [3, 'the magic number'],
    [8, 'samples'],
    [17, 'inputs'],
    [24, 'labels'],
    [32, 'weights'],
    [44, "the set's id"],
  ] as const) {
    flip(place);
    await checkError(t, 'FILE_FORMAT', [read, `${shard}: at byte ${place}: ${fault(what)}`]);
  }
  flip(200);
  t.is((await read()).length, COUNT);
  await checkError(t, 'CHECKSUM_MISMATCH', [
    () => readShards(folder, { verify: true }),
    `${shard}: the checksum of the manifest is another; the file was damaged: write or copy it again`,
  ]);
  truncateSync(shard, 100);
  await checkError(t, 'FILE_FORMAT', [read, `${shard}: at byte 100: the file has 100 bytes; expected 704`]);
  rmSync(shard);
  await checkError(t, 'FILE_NOT_FOUND', [read, `${shard}: there is no such file; check the path`]);
  writeFileSync(shard, intact);
  const text = readFileSync(manifest, 'utf8');
  for (const [from, to, message] of [
    ['"version": 1', '"version": 3', 'manifest: version must be an integer from 1 to 2, got 3'],
    ['"shard-00001.bin"', '"../x"', 'shards[1]: file must be the name of a file in the folder, got "../x"'],
    ['"class"', '"values"', 'manifest: labelType does not go with the other fields'],
    ['"samples": 20', '"samples": 0', 'shards[0]: samples must be an integer from 1 to 2147483647, got 0'],
  ] as const) {
    writeFileSync(manifest, text.replace(from, to));
    await checkError(t, 'FILE_FORMAT', [read, `${manifest}: ${message}`]);
  }
  writeFileSync(manifest, text.slice(0, 40));
  await t.throwsAsync(read, { code: 'FILE_FORMAT' });
  rmSync(manifest);
  await checkError(t, 'FILE_NOT_FOUND', [read, `${manifest}: there is no such file; check the path`]);
});
