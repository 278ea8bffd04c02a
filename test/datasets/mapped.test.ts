/** Datasets that stay in mapped files: the same bits as in memory, and what happens when a file goes away. */
import { readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import { encodeNpy } from '../../lib/formats/npy.ts';
import {
  adagrad,
  cifar10,
  type Dataset,
  dense,
  flatten,
  idx,
  type Memory,
  npy,
  sequential,
  Trainer,
} from '../../lib/index.ts';
import { fingerprint } from '../../lib/trainers/checkpoints/run-state.ts';
import { checkError, type WrongUse, wrongly } from '../api/errors.ts';
import { runProgram } from '../process/run-program.ts';
import { fileWith, folderWith, idxFile } from './files.ts';
import { labelsOf, rowsOf } from './rows.ts';

const COUNT = 67;
const SIZE = 35; // odd: rows of floats and bytes are aligned now and then
const bytes = Uint8Array.from({ length: COUNT * SIZE }, (_, i) => (i * 89 + (i >> 4)) % 256);
const floats = Float32Array.from(bytes, (byte) => Math.sin(byte) * 3);
const LABELS = idxFile(
  [COUNT],
  Uint8Array.from({ length: COUNT }, (_, i) => (i * 5) % 3),
);

/** As IDX and big-endian NPY have them. */
function swapped(values: Float32Array): Uint8Array {
  return Buffer.from(values.buffer.slice(0)).swap32();
}

function idxFloats(): Uint8Array {
  const file = idxFile([COUNT, 5, 7], swapped(floats));
  file[2] = 0x0d;
  return file;
}

/** A file whose values begin at an odd place. */
function oddNpy(): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${COUNT}, ${SIZE}), }\n`;
  const header = text.length % 2 === 0 ? ` ${text}` : text;
  const length = Uint8Array.of(header.length, 0);
  return Buffer.concat([
    Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0]),
    length,
    Buffer.from(header),
    Buffer.from(floats.buffer),
  ]);
}

function bigEndianNpy(): Uint8Array {
  const file = Buffer.from(encodeNpy({ shape: [COUNT, SIZE], data: floats }));
  file[file.indexOf('<f4')] = '>'.charCodeAt(0);
  file.set(swapped(floats), file.length - floats.byteLength);
  return file;
}

type Reader = (folder: string, memory: Memory) => Promise<Dataset>;

const readIdx: Reader = (folder, memory) =>
  idx({ images: join(folder, 'x'), labels: join(folder, 'y'), scale: 1 / 255, shift: -0.25, memory });
const readNpy: Reader = async (folder, memory) => {
  const labels = join(folder, 'labels.npy');
  const classes = readFileSync(join(folder, 'y')).subarray(8);
  writeFileSync(labels, encodeNpy({ shape: [COUNT], data: Uint8Array.from(classes) }));
  return npy({ inputs: join(folder, 'x'), labels, memory });
};

const RECORDS = Uint8Array.from({ length: 40 * 3073 }, (_, i) => (i % 3073 === 0 ? i % 10 : (i * 31) % 256));

const CASES: Readonly<
  Record<string, { readonly files: Readonly<Record<string, string | Uint8Array>>; readonly read: Reader }>
> = {
  'IDX of bytes': { files: { x: idxFile([COUNT, 5, 7], bytes), y: LABELS }, read: readIdx },
  'IDX of floats, big-endian': { files: { x: idxFloats(), y: LABELS }, read: readIdx },
  'NPY of bytes': {
    files: { x: encodeNpy({ shape: [COUNT, SIZE], data: bytes }), y: LABELS },
    read: readNpy,
  },
  'NPY of floats': {
    files: { x: encodeNpy({ shape: [COUNT, SIZE], data: floats }), y: LABELS },
    read: readNpy,
  },
  'NPY of floats at an odd place': { files: { x: oddNpy(), y: LABELS }, read: readNpy },
  'NPY of floats, big-endian': { files: { x: bigEndianNpy(), y: LABELS }, read: readNpy },
  'CIFAR-10': {
    files: {
      'data_batch_1.bin': RECORDS,
      'data_batch_2.bin': RECORDS.subarray(0, 27 * 3073),
      'test_batch.bin': RECORDS.subarray(0, 3073),
      'batches.meta.txt': 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n',
    },
    read: async (folder, memory) => (await cifar10({ folder, memory })).train as unknown as Dataset,
  },
};

async function train(data: Dataset, threads: number) {
  const [fitted, held] = data.split({ fraction: 0.7, seed: 5 });
  const model = sequential({ inputShape: data.inputShape, seed: 2 }, [
    flatten(),
    dense({ units: 19, activation: 'tanh' }),
    dense({ units: data.classCount }),
  ]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.05 }),
    loss: 'softmaxCrossEntropy',
    threads,
  });
  const isImages = data.inputShape.length === 3;
  const augment = isImages ? ({ flip: 'both', shift: 2, contrast: 0.2, cutout: 3 } as const) : undefined;
  const options = { epochs: 3, batchSize: 8, validation: wrongly(held), augment };
  const run = await trainer.fit(wrongly(fitted), options);
  return {
    losses: run.epochs.map(({ loss, ...epoch }) => [loss, 'validation' in epoch && epoch.validation]),
    weights: Object.values(model.getWeights()).map(({ data: values }) => values),
    outputs: (await model.predict(held.shuffle(1))).data,
    evaluation: await trainer.evaluate(wrongly(data.take(31))),
  };
}

for (const [name, { files, read }] of Object.entries(CASES)) {
  test(`${name}: the bits of the samples in memory, at 1, 2 and 3 threads`, async (t) => {
    const folder = folderWith(t, files);
    const [copied, mapped] = [await read(folder, 'copy'), await read(folder, 'map')];
    t.deepEqual([rowsOf(mapped), labelsOf(mapped)], [rowsOf(copied), labelsOf(copied)]);
    t.deepEqual(rowsOf(mapped.select([66, 0, 31, 66])), rowsOf(copied.select([66, 0, 31, 66])));
    const expected = await train(copied, 1);
    for (const threads of [1, 2, 3]) t.deepEqual(await train(mapped, threads), expected);
    t.is(
      fingerprint(nativeSamples(wrongly(mapped.shuffle(3)))),
      fingerprint(nativeSamples(wrongly(copied.shuffle(3)))),
    );
  });
}

test('errors come before anything is mapped', async (t) => {
  const file = fileWith(t, idxFile([4, 2, 3], bytes.subarray(0, 24)));
  const map = (images: string) => idx({ images, memory: 'map' });
  const uses: readonly (readonly [code: Parameters<typeof checkError>[1], use: WrongUse])[] = [
    ['FILE_NOT_FOUND', [() => map('no/such.idx'), 'no/such.idx: there is no such file; check the path']],
    [
      'INVALID_OPTION',
      [
        () => idx({ images: file, memory: wrongly('mapped') }),
        'idx: memory must be "copy" or "map", got "mapped"',
      ],
    ],
  ];
  for (const [code, use] of uses) await checkError(t, code, use);
  const gzip = fileWith(t, gzipSync(readFileSync(file)));
  await checkError(t, 'INVALID_DATA', [
    () => map(gzip),
    `${gzip}: is compressed by gzip, and cannot be mapped; unpack it (gunzip -k), or read it with memory: 'copy'`,
  ]);
  truncateSync(file, 30);
  await checkError(t, 'FILE_FORMAT', [
    () => map(file),
    `${file}: at byte 30: the data end here, but [4, 2, 3] values end at byte 40`,
  ]);
  const doubles = fileWith(t, encodeNpy({ shape: [2, 2], data: new Float64Array(4) }));
  await checkError(t, 'INVALID_DATA', [
    () => npy({ inputs: doubles, memory: 'map' }),
    `${doubles}: holds values of type <f8, and cannot be mapped; save it as uint8 or float32 (array.astype), or read it with memory: 'copy'`,
  ]);
  const none = fileWith(t, idxFile([0, 2, 3], new Uint8Array(0)));
  await checkError(t, 'INVALID_DATA', [() => map(none), `${none}: holds no values`]);
});

/** 3,000 samples of 4,000 bytes: more pages than a batch touches. */
async function largeSet(t: ExecutionContext) {
  const file = fileWith(t, encodeNpy({ shape: [3000, 4000], data: new Uint8Array(12e6).fill(7) }));
  const labels = fileWith(t, encodeNpy({ shape: [3000], data: new Uint8Array(3000) }));
  return { file, data: await npy({ inputs: file, labels, memory: 'map' }) };
}

test('a file that is cut short while it is trained on ends the run with an error that names it', async (t) => {
  for (const threads of [1, 2]) {
    const { file, data } = await largeSet(t);
    const model = sequential({ inputShape: [4000] }, [dense({ units: 2 })]);
    const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads });
    const run = trainer.fit(wrongly(data), {
      epochs: 1000,
      onEpochEnd: ({ epoch }) => {
        if (epoch === 2) truncateSync(file, 5_000_000);
      },
    });
    const error = await t.throwsAsync(async () => run, { code: 'FILE_CHANGED' });
    t.true(
      error.message.startsWith(`${file}: went from 12000128 to 5000000 bytes while it was mapped; `),
      error.message,
    );
    t.true(Object.values(model.getWeights()).every(({ data: values }) => values.every(Number.isFinite)));
    t.throws(() => data.at(2999), { code: 'FILE_CHANGED' });
    await t.throwsAsync(async () => model.predict(wrongly(data)), { code: 'FILE_CHANGED' });
    await t.throwsAsync(async () => trainer.evaluate(wrongly(data)), { code: 'FILE_CHANGED' });
  }
});

test('predictions of pieces on several threads from a file that is cut short are an error, too', async (t) => {
  for (const threads of [1, 2]) {
    const { file, data } = await largeSet(t);
    const model = sequential({ inputShape: [4000] }, [dense({ units: 64 })]);
    const expected = await model.predict(wrongly(data), { threads });
    truncateSync(file, 5_000_000);
    const predict = () => model.predict(wrongly(data), { threads });
    const error = await t.throwsAsync(async () => predict(), { code: 'FILE_CHANGED' });
    t.true(error.message.startsWith(`${file}: went from 12000128 to 5000000 bytes`), error.message);
    t.throws(() => model.predictSync(wrongly(data), { threads }), { code: 'FILE_CHANGED' });
    t.deepEqual(await model.predict(new Uint8Array(12e6).fill(7), { threads }), expected);
  }
});

test('a file that is written to is no longer what it was', async (t) => {
  const { file, data } = await largeSet(t);
  t.is(data.at(2999).input[0], 7);
  utimesSync(file, new Date(), new Date(0));
  t.throws(() => data.at(0), { code: 'FILE_CHANGED', message: new RegExp(`^${file}: was written to while`) });
});

test('a bus error that is not of a mapped file ends the process as it always did', async (t) => {
  const { file } = await largeSet(t);
  const { signal, stdout } = await runProgram('bus-error', [file]);
  t.is(stdout.trim(), '7');
  t.is(signal, 'SIGBUS');
});

test('files are unmapped when their datasets are collected', async (t) => {
  const { file } = await largeSet(t);
  const { code, stdout, stderr } = await runProgram('unmapped', [file], ['--expose-gc']);
  t.is(code, 0, stderr);
  const { most, left } = JSON.parse(stdout);
  t.true(most >= 50, stdout);
  t.deepEqual(left, { maps: 0, files: 0 });
});
