import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { GradloomError } from '../../lib/core/errors.ts';
import { decodeIdx, readIdx } from '../../lib/formats/idx.ts';

const IMAGES = fileURLToPath(new URL('../fixtures/tiny-images-idx3-ubyte', import.meta.url));
const PIXELS = [0, 1, 2, 3, 10, 20, 30, 40, 255, 128, 64, 32];

function idxBytes(type: number, shape: readonly number[], data: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (type << 8) | shape.length);
  for (const [axis, extent] of shape.entries()) view.setUint32(4 + 4 * axis, extent);
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

function temporaryFile(t: ExecutionContext, bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'x');
  writeFileSync(path, bytes);
  return path;
}

test('a plain file and its compressed twin', async (t) => {
  const expected = { shape: [3, 2, 2], data: Uint8Array.from(PIXELS) };
  t.deepEqual(await readIdx(IMAGES), expected);
  t.deepEqual(await readIdx(`${IMAGES}.gz`), expected);
});

test('every type is read big-endian', (t) => {
  const read = (type: number, count: number, data: number[]) =>
    decodeIdx(idxBytes(type, [count], data), 'x').data;
  t.deepEqual(read(0x08, 2, [1, 255]), Uint8Array.of(1, 255));
  t.deepEqual(read(0x09, 2, [1, 255]), Int8Array.of(1, -1));
  t.deepEqual(read(0x0b, 2, [1, 2, 0xff, 0xfe]), Int16Array.of(258, -2));
  t.deepEqual(read(0x0c, 2, [0, 1, 2, 3, 0xff, 0xff, 0xff, 0xfe]), Int32Array.of(66051, -2));
  t.deepEqual(read(0x0d, 1, [0x3f, 0xc0, 0, 0]), Float32Array.of(1.5));
  t.deepEqual(read(0x0e, 1, [0xbf, 0xf8, 0, 0, 0, 0, 0, 0]), Float64Array.of(-1.5));
});

test('data are copies of a view into a larger buffer', (t) => {
  const larger = new Uint8Array(64).fill(9);
  const file = idxBytes(0x08, [2], [1, 2]);
  larger.set(file, 5);
  const { data } = decodeIdx(larger.subarray(5, 5 + file.length), 'x');
  larger.fill(7);
  t.deepEqual(data, Uint8Array.of(1, 2));
  t.is(data.buffer.byteLength, 2);
});

test('an axis of extent 0 has no values', (t) => {
  t.deepEqual(decodeIdx(idxBytes(0x08, [0, 28, 28], []), 'x'), {
    shape: [0, 28, 28],
    data: new Uint8Array(0),
  });
});

test('a file cut short at any byte names the place and the field', (t) => {
  const bytes = readFileSync(IMAGES);
  for (let length = 0; length < bytes.length; length++) {
    const expected =
      length < 4
        ? 'the file ends within the magic number'
        : length < 16
          ? `the file ends within the extent of axis ${Math.floor(length / 4) - 1} of 3`
          : 'the data end here, but [3, 2, 2] values end at byte 28';
    t.throws(() => decodeIdx(bytes.subarray(0, length), 'images'), {
      instanceOf: GradloomError,
      code: 'FILE_FORMAT',
      message: `images: at byte ${length}: ${expected}`,
    });
  }
});

const MAGIC = "is no IDX file's; expected 0x0000, a type of 08, 09, 0b, 0c, 0d or 0e, and at least 1 axis";

const SURPLUS = 'at byte 0: the gzip stream holds more than its IDX header says, or more than Node can hold';

const MALFORMED: readonly (readonly [what: string, bytes: Uint8Array, message: string])[] = [
  ['first byte not 0', Uint8Array.of(1, 0, 8, 1, 0, 0, 0, 0), `at byte 0: magic number 0x01000801 ${MAGIC}`],
  ['second byte not 0', Uint8Array.of(0, 1, 8, 1, 0, 0, 0, 0), `at byte 0: magic number 0x00010801 ${MAGIC}`],
  ['unknown type', idxBytes(0x0a, [0], []), `at byte 0: magic number 0x00000a01 ${MAGIC}`],
  ['type 0', idxBytes(0, [0], []), `at byte 0: magic number 0x00000001 ${MAGIC}`],
  ['no axis', idxBytes(8, [], []), `at byte 0: magic number 0x00000800 ${MAGIC}`],
  ['text', new TextEncoder().encode('hello, world'), `at byte 0: magic number 0x68656c6c ${MAGIC}`],
  ['a byte left over', idxBytes(8, [2], [1, 2, 3]), 'at byte 10: bytes left over behind the [2] values'],
  ['a byte too few', idxBytes(8, [2], [1]), 'at byte 9: the data end here, but [2] values end at byte 10'],
  [
    'a value cut in two',
    idxBytes(0x0c, [2], [1, 2, 3, 4, 5, 6]),
    'at byte 14: the data end here, but [2] values end at byte 16',
  ],
  [
    'product 2^32',
    idxBytes(8, [65536, 65536], []),
    'at byte 12: the data end here, but [65536, 65536] values end at byte 4294967308',
  ],
  [
    'product 2^64',
    idxBytes(8, [2 ** 31, 2 ** 31, 4], []),
    'at byte 4: the extents [2147483648, 2147483648, 4] have more values than can be addressed',
  ],
  [
    'product 2^64 times 0',
    idxBytes(8, [2 ** 32 - 1, 2 ** 32 - 1, 0], []),
    'at byte 4: the extents [4294967295, 4294967295, 0] have more values than can be addressed',
  ],
  [
    'bytes beyond 2^53',
    idxBytes(0x0e, [2 ** 31, 2 ** 21], []),
    'at byte 4: the extents [2147483648, 2097152] have more values than can be addressed',
  ],
  [
    'axes without extents',
    Uint8Array.of(0, 0, 8, 255),
    'at byte 4: the file ends within the extent of axis 0 of 255',
  ],
];

for (const [what, bytes, message] of MALFORMED) {
  test(`malformed: ${what}`, async (t) => {
    t.throws(() => decodeIdx(bytes, 'x'), {
      instanceOf: GradloomError,
      code: 'FILE_FORMAT',
      message: `x: ${message}`,
    });
    const path = temporaryFile(t, gzipSync(bytes));
    await t.throwsAsync(readIdx(path), {
      code: 'FILE_FORMAT',
      message: `${path}: ${what === 'a byte left over' ? SURPLUS : message}`,
    });
  });
}

test('a gzip stream cut short at any byte is found', async (t) => {
  const bytes = readFileSync(`${IMAGES}.gz`);
  for (let length = 2; length < bytes.length; length++) {
    const path = temporaryFile(t, bytes.subarray(0, length));
    await t.throwsAsync(
      readIdx(path),
      { instanceOf: GradloomError, code: 'FILE_FORMAT' },
      `length ${length}`,
    );
  }
});

test('a damaged gzip stream names the cause', async (t) => {
  const bytes = readFileSync(`${IMAGES}.gz`);
  bytes[bytes.length - 8] = (bytes[bytes.length - 8] as number) ^ 1;
  const path = temporaryFile(t, bytes);
  await t.throwsAsync(readIdx(path), {
    code: 'FILE_FORMAT',
    message: `${path}: at byte 0: the gzip stream is damaged or cut short (incorrect data check)`,
  });
});

test('a gzip stream of more than its header says is not taken in', async (t) => {
  const bomb = new Uint8Array(2 ** 26);
  bomb.set(idxBytes(8, [2], [1, 2]));
  const path = temporaryFile(t, gzipSync(bomb));
  const before = process.memoryUsage().arrayBuffers;
  await t.throwsAsync(readIdx(path), { code: 'FILE_FORMAT', message: `${path}: ${SURPLUS}` });
  t.true(process.memoryUsage().arrayBuffers - before < 2 ** 25);
});

test('property: random bytes give an array or a documented error', (t) => {
  const head = fc.constantFrom([0, 0, 8, 1], [0, 0, 8, 3], [0, 0, 13, 2], [0x1f, 0x8b, 8, 0], []);
  const bytes = fc
    .tuple(head, fc.uint8Array({ maxLength: 40 }))
    .map(([first, rest]) => Uint8Array.of(...first, ...rest));
  fc.assert(
    fc.property(bytes, (file) => {
      try {
        const { shape, data } = decodeIdx(file, 'x');
        t.is(
          data.length,
          shape.reduce((product, extent) => product * extent, 1),
        );
      } catch (error) {
        t.true(error instanceof GradloomError && error.code === 'FILE_FORMAT', String(error));
      }
    }),
    { numRuns: 1000, seed: 3 },
  );
});
