import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Dataset, imageFolder, readImage } from '../../lib/datasets/index.ts';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import { loadSharp } from '../../lib/formats/image.ts';
import { checkError, wrongly } from '../api/errors.ts';
import { folderWith } from './files.ts';
import { labelsOf } from './rows.ts';

interface Encoder {
  png(): Encoder;
  jpeg(options?: object): Encoder;
  withMetadata(options: object): Encoder;
  toColourspace(space: string): Encoder;
  toBuffer(): Promise<Uint8Array>;
}
type SharpPackage = (input: Uint8Array | Uint16Array | object, options?: object) => Encoder;

const sharp = await loadSharp('test').then(
  (found) => found as unknown as SharpPackage,
  () => undefined,
);

/** Without sharp these tests say so and pass. */
function withSharp(title: string, run: (t: ExecutionContext, sharp: SharpPackage) => Promise<void>): void {
  test(title, async (t) => {
    if (sharp !== undefined) return await run(t, sharp);
    t.log('skipped: the package sharp is not installed');
    t.pass();
  });
}

const png = (pixels: readonly number[], width: number, channels: number) =>
  sharp?.(Uint8Array.from(pixels), {
    raw: { width, height: pixels.length / width / channels, channels },
  })
    .png()
    .toBuffer() as Promise<Uint8Array>;

const bytesOf = (data: Dataset) => nativeSamples(data).inputs as Uint8Array;
const grey = (r: number, g: number, b: number) => (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;

/** 2 x 3 pixels. */
const COLOURS = [255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 200, 100, 50, 255, 255, 255];

withSharp('classes and files by name, at any depth, hidden ones left aside; bytes', async (t) => {
  const [a, b, c] = [
    await png(COLOURS, 3, 3),
    await png(
      COLOURS.map((v) => 255 - v),
      3,
      3,
    ),
    await png(new Array(18).fill(7), 3, 3),
  ];
  const root = folderWith(t, {
    'dog/2.png': b,
    'dog/10.png': a,
    'dog/.hidden': 'x',
    'cat/deep/er/1.png': c,
    'cat/a.png': a,
    '.git/config': 'x',
    'README.md': 'x',
    'Zebra/1.png': c,
  });
  const data = await imageFolder(root, { size: [2, 3] });
  t.deepEqual(
    [data.inputShape, data.classNames],
    [
      [2, 3, 3],
      ['Zebra', 'cat', 'dog'],
    ],
  );
  t.deepEqual(labelsOf(data), [0, 1, 1, 2, 2]);
  const inverse = COLOURS.map((v) => 255 - v);
  const seven = new Array(18).fill(7);
  t.deepEqual(bytesOf(data), Uint8Array.from([seven, COLOURS, seven, COLOURS, inverse].flat()));
  t.deepEqual(
    data.at(1).input,
    Float32Array.from(COLOURS, (v) => v / 255),
  );
  const some = await imageFolder(root, { size: [2, 3], classNames: ['dog', 'Zebra'] });
  t.deepEqual(
    [some.classNames, labelsOf(some)],
    [
      ['dog', 'Zebra'],
      [0, 0, 1],
    ],
  );
});

withSharp('grey as one channel or three, alpha dropped, palettes of colours', async (t, sharp) => {
  const alpha = COLOURS.flatMap((v, i) => (i % 3 === 2 ? [v, i < 9 ? 0 : 128] : [v]));
  const root = folderWith(t, {
    'a/1-grey.png': await sharp(Uint8Array.of(0, 60, 120, 180, 240, 255), {
      raw: { width: 3, height: 2, channels: 1 },
    })
      .toColourspace('b-w')
      .png()
      .toBuffer(),
    'a/2-alpha.png': await png(alpha, 3, 4),
    'a/3-deep.png': await sharp(Uint16Array.of(0, 257, 65535, 25700, 51400, 514), {
      raw: { width: 3, height: 2, channels: 1 },
    })
      .toColourspace('grey16')
      .png()
      .toBuffer(),
  });
  const three = bytesOf(await imageFolder(root, { size: [2, 3] }));
  const repeat = (values: number[]) => values.flatMap((v) => [v, v, v]);
  const greys = [0, 60, 120, 180, 240, 255];
  const deep = [0, 1, 255, 100, 200, 2];
  t.deepEqual([...three], [...repeat(greys), ...COLOURS, ...repeat(deep)]);
  const one = await imageFolder(root, { size: [2, 3], channels: 1 });
  t.deepEqual(one.inputShape, [2, 3, 1]);
  const luma = [0, 3, 6, 9, 12, 15].map((i) =>
    grey(...(COLOURS.slice(i, i + 3) as [number, number, number])),
  );
  t.deepEqual([...bytesOf(one)], [...greys, ...luma, ...deep]);
});

withSharp('fill, cover and contain; transparent pixels keep their colour in a resized picture', async (t) => {
  // 2 x 6: three columns each of red and blue.
  const row = [255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255];
  const root = folderWith(t, { 'a/1.png': await png([...row, ...row], 6, 3) });
  const read = async (fit: 'fill' | 'cover' | 'contain', size: [number, number]) => [
    ...bytesOf(await imageFolder(root, { size, fit })),
  ];
  const red = [255, 0, 0];
  const blue = [0, 0, 255];
  t.deepEqual(await read('cover', [2, 2]), [red, blue, red, blue].flat());
  const bar = new Array(18).fill(0);
  t.deepEqual(await read('contain', [4, 6]), [bar, row, row, bar].flat());
  const filled = await read('fill', [2, 12]);
  t.deepEqual(
    [filled.slice(0, 9), filled.slice(27, 36)],
    [[red, red, red].flat(), [blue, blue, blue].flat()],
  );
  const clear = folderWith(t, {
    'a/1.png': await png(
      new Array(64).fill(0).map((_, i) => [9, 90, 200, 0][i % 4] as number),
      4,
      4,
    ),
  });
  t.deepEqual(
    [...bytesOf(await imageFolder(clear, { size: [2, 2] }))],
    [9, 90, 200, 9, 90, 200, 9, 90, 200, 9, 90, 200],
  );
});

withSharp('pictures are turned upright, one alone and bytes are read alike', async (t, sharp) => {
  const turned = await sharp(Uint8Array.from(COLOURS), { raw: { width: 3, height: 2, channels: 3 } })
    .png()
    .withMetadata({ orientation: 3 })
    .toBuffer();
  const root = folderWith(t, { 'a/1.png': turned });
  const upright = [15, 12, 9, 6, 3, 0].flatMap((i) => COLOURS.slice(i, i + 3));
  t.deepEqual([...bytesOf(await imageFolder(root, { size: [2, 3] }))], upright);
  t.deepEqual([...(await readImage(join(root, 'a', '1.png'), { size: [2, 3] }))], upright);
  t.deepEqual([...(await readImage(turned, { size: [2, 3] }))], upright);
  await checkError(t, 'FILE_FORMAT', [
    () => readImage(Uint8Array.of(1, 2, 3), { size: [2, 2] }),
    'readImage: the bytes: cannot be decoded as a picture (Input buffer contains unsupported image format)',
  ]);
});

withSharp('many pictures, more than are decoded at once, in order', async (t) => {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 40; i++)
    files[`c${i % 2}/${String(i).padStart(2, '0')}.png`] = await png([i, i, i], 1, 3);
  const data = await imageFolder(folderWith(t, files), { size: [1, 1], channels: 1 });
  const even = Array.from({ length: 20 }, (_, i) => 2 * i);
  t.deepEqual([...bytesOf(data)], [...even, ...even.map((i) => i + 1)]);
});

withSharp(
  'a broken picture and what is none: an error with the path, or left out and said',
  async (t, sharp) => {
    const jpeg = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    const good = await png(COLOURS, 3, 3);
    const root = folderWith(t, {
      'a/1.png': good,
      'a/2.jpg': jpeg.subarray(0, jpeg.length - 200),
      'a/3.txt': 'a list',
      'b/1.png': '',
      'b/2.png': good,
    });
    const error = await t.throwsAsync(imageFolder(root, { size: [2, 3] }));
    t.like(error, { code: 'FILE_FORMAT' });
    t.true(error?.message.startsWith(`${join(root, 'a', '2.jpg')}: cannot be decoded as a picture (`));
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on('warning', listen);
    t.teardown(() => process.off('warning', listen));
    const data = await imageFolder(root, { size: [2, 3], broken: 'skip' });
    t.deepEqual([data.length, labelsOf(data)], [2, [0, 1]]);
    t.deepEqual(
      data.at(1).input,
      Float32Array.from(COLOURS, (v) => v / 255),
    );
    await new Promise((resolve) => setImmediate(resolve));
    t.is(warnings.length, 1);
    t.regex(warnings[0]?.message ?? '', /left out 3 of 5 files: .*2\.jpg: .*3\.txt: .*1\.png: /);
    const none = folderWith(t, { 'a/1.png': 'x' });
    await checkError(t, 'INVALID_DATA', [
      () => imageFolder(none, { size: [2, 3], broken: 'skip' }),
      `${none}: none of its 1 files is a picture`,
    ]);
  },
);

withSharp('folders that are not as expected', async (t) => {
  const size = [2, 2] as const;
  await checkError(t, 'FILE_NOT_FOUND', [
    () => imageFolder('/absent', { size }),
    '/absent: there is no such folder; check the path',
  ]);
  const root = folderWith(t, { 'a/.keep': '', 'b.png': '' });
  const empty = join(root, 'a');
  await checkError(t, 'INVALID_DATA', [
    () => imageFolder(root, { size }),
    `${empty}: has no picture; a class has at least one`,
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => imageFolder(empty, { size }),
    `${empty}: has no folder of a class; expected pictures as in ${join(empty, 'cat', '1.jpg')}`,
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => imageFolder(join(root, 'b.png'), { size }),
    `${join(root, 'b.png')}: this is a file; give the path of a folder`,
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => imageFolder(root, { size, classNames: ['ab'] }),
    `imageFolder: classNames names "ab", but ${root} has no such folder; did you mean "a"?`,
  ]);
  const loop = folderWith(t, { 'a/1.png': 'x' });
  symlinkSync(join(loop, 'a'), join(loop, 'a', 'back'));
  const error = await t.throwsAsync(imageFolder(loop, { size }));
  t.regex(error?.message ?? '', /lies more than 32 folders deep; does a link lead back\?$/);
});

test('options are checked before anything is read', async (t) => {
  for (const [options, message] of [
    [{}, 'size is missing; it must be a pair of integers of at least 1, [height, width]'],
    [{ size: 64 }, 'size must be a pair of integers of at least 1, [height, width], got 64'],
    [{ size: [0, 4] }, 'size must be a pair of integers of at least 1, [height, width], got [0, 4]'],
    [{ size: [4, 4], channels: 4 }, 'channels must be 1 or 3, got 4'],
    [{ size: [4, 4], fit: 'inside' }, 'fit must be "fill", "cover" or "contain", got "inside"'],
  ] as const) {
    await checkError(t, 'INVALID_OPTION', [
      () => imageFolder('/absent', wrongly(options)),
      `imageFolder: ${message}`,
    ]);
  }
});

test('without sharp, an error says how to get it', async (t) => {
  const absent = Object.assign(new Error("Cannot find package 'sharp'"), { code: 'ERR_MODULE_NOT_FOUND' });
  await checkError(t, 'NOT_INSTALLED', [
    () => loadSharp('imageFolder', () => Promise.reject(absent)),
    'imageFolder: pictures are decoded by the package sharp, which is not installed; run: npm install sharp',
  ]);
  await checkError(t, 'NOT_INSTALLED', [
    () => loadSharp('imageFolder', () => Promise.reject(new Error('no binary\nfor this machine'))),
    'imageFolder: pictures are decoded by the package sharp, which cannot be loaded (no binary); run: npm install sharp',
  ]);
});
