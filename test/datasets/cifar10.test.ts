import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import { GradloomError } from '../../lib/core/errors.ts';
import { cifar10, readCifar10 } from '../../lib/datasets/index.ts';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import { decodeCifar10 } from '../../lib/formats/cifar.ts';
import { checkError } from '../api/errors.ts';
import { fileWith, folderWith } from './files.ts';

const RECORD = 3073;
const NAMES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
const REMEDY =
  'get cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html, unpack it, and name its folder cifar-10-batches-bin by { folder } or CIFAR10_DIR';

/** Value of the byte at a place of the planes of a record, different in neighbours of every axis. */
function plane(record: number, channel: number, row: number, column: number): number {
  return (record * 101 + channel * 67 + row * 13 + column * 3) % 256;
}

function cifarBytes(labels: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: labels.length * RECORD }, (_, index) => {
    const record = Math.floor(index / RECORD);
    const place = (index % RECORD) - 1;
    if (place < 0) return labels[record] as number;
    return plane(record, Math.floor(place / 1024), Math.floor(place / 32) % 32, place % 32);
  });
}

const FILES = {
  'data_batch_1.bin': cifarBytes([3, 9]),
  'data_batch_2.bin': cifarBytes([0]),
  'test_batch.bin': cifarBytes([7, 7, 1]),
  'batches.meta.txt': `${NAMES.join('\n')}\n\n`,
};

test('batches in order, planes to channels last, pixels uint8', async (t) => {
  const { train, test: held } = await cifar10({ folder: folderWith(t, FILES) });
  t.deepEqual(train.inputShape, [32, 32, 3]);
  t.deepEqual([train.length, held.length], [3, 3]);
  t.deepEqual(
    [0, 1, 2].map((place) => train.labelAt(place)),
    [3, 9, 0],
  );
  t.deepEqual(held.classCounts(), [0, 1, 0, 0, 0, 0, 0, 2, 0, 0]);
  t.deepEqual(train.classNames, NAMES);
  t.deepEqual(train.preprocessing, { scale: [1 / 255], shift: [0] });
  const { inputs } = nativeSamples(train);
  if (!(inputs instanceof Uint8Array)) return t.fail();
  for (const [sample, record] of [0, 1, 0].entries()) {
    for (let pixel = 0; pixel < 1024; pixel++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = inputs[(sample * 1024 + pixel) * 3 + channel];
        if (value !== plane(record, channel, pixel >> 5, pixel % 32))
          t.fail(`sample ${sample} pixel ${pixel}`);
      }
    }
  }
});

test('readCifar10 reads one file', async (t) => {
  const { images, labels } = await readCifar10(fileWith(t, FILES['data_batch_1.bin']));
  t.deepEqual(labels, Uint8Array.of(3, 9));
  t.deepEqual([...images.subarray(0, 6)], [0, 67, 134, 3, 70, 137]);
  t.is(images.length, 2 * 3072);
});

test('CIFAR10_DIR names the folder where the option does not', async (t) => {
  const before = process.env.CIFAR10_DIR;
  t.teardown(() => {
    if (before === undefined) delete process.env.CIFAR10_DIR;
    else process.env.CIFAR10_DIR = before;
  });
  delete process.env.CIFAR10_DIR;
  await checkError(t, 'NOT_INSTALLED', [() => cifar10(), `cifar10: no folder is named; ${REMEDY}`]);
  process.env.CIFAR10_DIR = folderWith(t, FILES);
  t.is((await cifar10()).train.length, 3);
});

const without = (name: keyof typeof FILES) =>
  Object.fromEntries(Object.entries(FILES).filter(([file]) => file !== name));

test('files that are missing', async (t) => {
  const absent = join(folderWith(t, {}), 'absent');
  await checkError(t, 'NOT_INSTALLED', [
    () => cifar10({ folder: absent }),
    `cifar10: there is no folder ${absent}; ${REMEDY}`,
  ]);
  for (const [files, name] of [
    [{}, 'data_batch_1.bin'],
    [without('data_batch_1.bin'), 'data_batch_1.bin'],
    [{ ...FILES, 'data_batch_4.bin': '' }, 'data_batch_3.bin'],
    [without('test_batch.bin'), 'test_batch.bin'],
    [without('batches.meta.txt'), 'batches.meta.txt'],
  ] as const) {
    const folder = folderWith(t, files);
    await checkError(t, 'NOT_INSTALLED', [
      () => cifar10({ folder }),
      `cifar10: ${folder} has no ${name}; ${REMEDY}`,
    ]);
  }
});

test('a file cut short or with a byte too many', (t) => {
  const bytes = cifarBytes([1, 2]);
  t.throws(() => decodeCifar10(new Uint8Array(0), 'x'), {
    code: 'FILE_FORMAT',
    message: 'x: at byte 0: the file is empty',
  });
  for (const [length, record] of [
    [1, 0],
    [3072, 0],
    [3074, 1],
    [6145, 1],
  ] as const) {
    t.throws(() => decodeCifar10(bytes.subarray(0, length), 'x'), {
      instanceOf: GradloomError,
      code: 'FILE_FORMAT',
      message: `x: at byte ${length}: the file ends within record ${record}; each takes 3073 bytes (a label and 3 planes of 32 x 32)`,
    });
  }
});

test('a label beyond 9 names its record', (t) => {
  t.throws(() => decodeCifar10(cifarBytes([9, 10]), 'x'), {
    code: 'FILE_FORMAT',
    message: 'x: at byte 3073: the label of record 1 is 10; expected 0 to 9',
  });
});

test('names of classes: the wrong number, an empty one, the same twice', async (t) => {
  for (const [text, message] of [
    ['a\nb\n', 'has 2 lines; expected 10 names of classes'],
    [
      NAMES.join('\n').replace('cat', ''),
      'line 4: expected the name of a class that no other class has, got ""',
    ],
    [
      NAMES.join('\r\n').replace('dog', 'cat'),
      'line 6: expected the name of a class that no other class has, got "cat"',
    ],
  ] as const) {
    const folder = folderWith(t, { ...FILES, 'batches.meta.txt': text });
    await checkError(t, 'FILE_FORMAT', [
      () => cifar10({ folder }),
      `${join(folder, 'batches.meta.txt')}: ${message}`,
    ]);
  }
});

test('property: any bytes give whole records or a documented error', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 * RECORD }), fc.nat(20), (length, label) => {
      const bytes = new Uint8Array(length).fill(label);
      try {
        const { images, labels } = decodeCifar10(bytes, 'x');
        t.is(images.length, labels.length * 3072);
        t.true(label < 10 && length % RECORD === 0);
      } catch (error) {
        t.true(error instanceof GradloomError && error.code === 'FILE_FORMAT', String(error));
      }
    }),
    { numRuns: 200, seed: 5 },
  );
});

const SUBSET = fileURLToPath(new URL('../../../shared/data/cifar-10-subset', import.meta.url));

test('a subset of the real pictures, where it is at hand', async (t) => {
  if (!existsSync(SUBSET)) {
    t.log(`skipped: ${SUBSET} does not exist`);
    t.pass();
    return;
  }
  const { train, test: held } = await cifar10({ folder: SUBSET });
  t.deepEqual(train.classCounts(), new Array(10).fill(1000));
  t.deepEqual(held.classCounts(), new Array(10).fill(200));
  t.deepEqual(train.classNames, NAMES);
});
