import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { GradloomError } from '../../lib/core/errors.ts';
import { type NpyArray, readNpy, writeNpy } from '../../lib/datasets/index.ts';
import { decodeNpy, encodeNpy } from '../../lib/formats/npy.ts';
import { testErrors, wrongly } from '../api/errors.ts';
import { fileWith, folderWith } from '../datasets/files.ts';

/** A file with this header's text, as it stands, and these bytes of data. */
function npyBytes(header: string, data: readonly number[] = [], version: readonly [number, number] = [1, 0]) {
  const text = Buffer.from(header, version[0] === 3 ? 'utf8' : 'latin1');
  const length = Buffer.alloc(version[0] === 1 ? 2 : 4);
  length.writeUIntLE(text.length, 0, length.length);
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from(version),
    length,
    text,
    Buffer.from(data),
  ]);
}

const HEADER = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }\n";
const DATA = [1, 0, 0xfe, 0xff];
const ARRAY: NpyArray = { shape: [2], data: Int16Array.of(1, -2) };

const FLOATS = Float32Array.of(1.5, -0, Infinity, 3e-45, Number.NaN, -7);

const ARRAYS: readonly NpyArray[] = [
  { shape: [2, 3], data: FLOATS },
  { shape: [6], data: Float64Array.from(FLOATS) },
  { shape: [2], data: Int8Array.of(-128, 127) },
  { shape: [1, 2, 1], data: Int16Array.of(-32768, 32767) },
  { shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
  { shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
  { shape: [2], data: Uint8Array.of(0, 255) },
  { shape: [2], data: Uint16Array.of(0, 65535) },
  { shape: [], data: Uint32Array.of(2 ** 32 - 1) },
  { shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
  { shape: [0, 5], data: new Float32Array(0) },
];

test('every type and rank comes back as it was written', async (t) => {
  const folder = folderWith(t, {});
  for (const [index, array] of ARRAYS.entries()) {
    const path = join(folder, `${index}.npy`);
    await writeNpy(path, array);
    t.deepEqual(await readNpy(path), array);
    t.is(readFileSync(path).length % 64, array.data.byteLength % 64);
  }
});

test('a view of a larger buffer is written and read alone', (t) => {
  const bytes = encodeNpy({ shape: [2], data: new Float32Array([9, 1, 2, 9]).subarray(1, 3) });
  const larger = new Uint8Array(bytes.length + 8);
  larger.set(bytes, 3);
  const { data } = decodeNpy(larger.subarray(3, 3 + bytes.length), 'x');
  t.deepEqual(data, Float32Array.of(1, 2));
});

test('versions 1.0, 2.0 and 3.0, fields in any order, either quote, with and without the last comma', (t) => {
  for (const version of [
    [1, 0],
    [2, 0],
    [3, 0],
  ] as const) {
    t.deepEqual(decodeNpy(npyBytes(HEADER, DATA, version), 'x'), ARRAY);
  }
  for (const header of [
    `{"shape": (2,), "fortran_order": False, "descr": "<i2"}\n`,
    `{'fortran_order':False,'descr':'<i2','shape':(2L,)}   \n`,
    `{ 'descr' : '<i2' , 'shape' : ( 2 , ) , 'fortran_order' : False , }\n`,
  ]) {
    t.deepEqual(decodeNpy(npyBytes(header, DATA), 'x'), ARRAY, header);
  }
});

test('big-endian values and booleans', (t) => {
  const header = (descr: string) => HEADER.replace('<i2', descr);
  t.deepEqual(decodeNpy(npyBytes(header('>i2'), [0, 1, 0xff, 0xfe]), 'x'), ARRAY);
  t.deepEqual(
    decodeNpy(npyBytes(header('>f4'), [0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0]), 'x').data,
    Float32Array.of(1.5, -2),
  );
  t.deepEqual(decodeNpy(npyBytes(header('|b1'), [1, 0]), 'x').data, Uint8Array.of(1, 0));
});

test('a file cut short at any byte names the place', (t) => {
  const bytes = npyBytes(HEADER, DATA);
  for (let length = 0; length < bytes.length; length++) {
    const expected =
      length < 6
        ? 'at byte 0: the magic number is not that of an NPY file (\\x93NUMPY)'
        : length < 8
          ? `at byte ${length}: the file ends within the version`
          : length < 10
            ? `at byte ${length}: the file ends within the header's length`
            : length < 10 + HEADER.length
              ? `at byte 8: the header's length ${HEADER.length} goes beyond the file's ${length} bytes`
              : `at byte ${length}: the data end here, but <i2 [2] ends at byte ${bytes.length}`;
    t.throws(() => decodeNpy(bytes.subarray(0, length), 'x'), {
      instanceOf: GradloomError,
      code: 'FILE_FORMAT',
      message: `x: ${expected}`,
    });
  }
});

const SHAPE = 'shape must be a tuple of integers from 0 to 2^53 - 1';
const KNOWN = 'is not supported; known are booleans, integers of 1 to 8 bytes and floats of 4 and 8';
const withField = (from: string, to: string) => npyBytes(HEADER.replace(from, to), DATA);

const MALFORMED: readonly (readonly [bytes: Uint8Array, message: string])[] = [
  [Buffer.from('NUMPY'), 'at byte 0: the magic number is not that of an NPY file (\\x93NUMPY)'],
  [
    Buffer.from('PK\x03\x04 a zip'),
    'at byte 0: the magic number is not that of an NPY file (\\x93NUMPY); this is a ZIP file: of an NPZ archive, save each array by numpy.save',
  ],
  [npyBytes(HEADER, DATA, [4, 0]), 'at byte 6: version 4.0 is unknown; known are 1.0, 2.0 and 3.0'],
  [npyBytes(HEADER, DATA, [0, 0]), 'at byte 6: version 0.0 is unknown; known are 1.0, 2.0 and 3.0'],
  [npyBytes(HEADER, DATA, [1, 1]), 'at byte 6: version 1.1 is unknown; known are 1.0, 2.0 and 3.0'],
  [npyBytes(HEADER, [...DATA, 0]), 'at byte 72: bytes left over behind the values of <i2 [2]'],
  [npyBytes(HEADER, DATA.slice(1)), 'at byte 71: the data end here, but <i2 [2] ends at byte 72'],
  [npyBytes(' '.repeat(10_001)), "at byte 8: the header's length 10001 exceeds the limit of 10000 bytes"],
  [
    Buffer.from([...Buffer.from('\x93NUMPY', 'latin1'), 2, 0, 255, 255, 255, 255]),
    "at byte 8: the header's length 4294967295 exceeds the limit of 10000 bytes",
  ],
  [
    Buffer.concat([npyBytes(HEADER, DATA, [3, 0]).subarray(0, 12), Buffer.alloc(58, 0xff)]),
    'at byte 12: the header is not UTF-8',
  ],
  [npyBytes(''), 'at byte 10: expected "{" at the start of the header'],
  [npyBytes('[]\n'), 'at byte 10: expected "{" at the start of the header'],
  [npyBytes('{}\n'), 'at byte 10: descr is missing in the header'],
  [npyBytes("{'descr': '<i2', 'shape': (2,)}\n"), 'at byte 10: fortran_order is missing in the header'],
  [npyBytes("{'descr': '<i2', 'fortran_order': False}\n"), 'at byte 10: shape is missing in the header'],
  [withField("'shape'", "'sharp'"), 'at byte 51: unknown field; the format has descr, fortran_order, shape'],
  [withField("'shape'", "'descr'"), 'at byte 51: field descr stands twice'],
  [withField("'shape'", 'shape'), 'at byte 51: expected a quoted string for a field of the header'],
  [withField("'descr':", "'descr' "), 'at byte 20: expected ":" behind descr'],
  [withField("'<i2',", "'<i2' "), 'at byte 27: expected "}" or "," behind descr'],
  [withField('}\n', '\n'), 'at byte 66: expected a quoted string for a field of the header'],
  [withField('}\n', '}'), 'at byte 67: expected only spaces and a newline behind the dictionary'],
  [withField('}\n', '} # x\n'), 'at byte 68: expected only spaces and a newline behind the dictionary'],
  [
    withField('False', 'True'),
    'at byte 44: fortran_order is True; only C order is read: save it with numpy.ascontiguousarray(...)',
  ],
  [withField('False', '0'), 'at byte 44: fortran_order must be True or False'],
  [withField('False', 'Falsely'), 'at byte 44: fortran_order must be True or False'],
  [
    withField("'<i2'", "[('a', '<i2')]"),
    'at byte 20: descr is a record of several fields; save each as an array of its own',
  ],
  [withField("'<i2'", '5'), 'at byte 20: expected a quoted string for descr'],
  [withField("'<i2'", "'<f2'"), `at byte 20: descr "<f2" ${KNOWN}`],
  [withField("'<i2'", "'<c8'"), `at byte 20: descr "<c8" ${KNOWN}`],
  [withField("'<i2'", "'|O'"), `at byte 20: descr "|O" ${KNOWN}`],
  [withField("'<i2'", "'<U5'"), `at byte 20: descr "<U5" ${KNOWN}`],
  [withField("'<i2'", "'|i2'"), `at byte 20: descr "|i2" ${KNOWN}`],
  [withField("'<i2'", "'='"), `at byte 20: descr "=" ${KNOWN}`],
  [withField("'<i2'", "''"), `at byte 20: descr "" ${KNOWN}`],
  [withField("'<i2'", "'<constructor'"), `at byte 20: descr "<constructor" ${KNOWN}`],
  [withField("'<i2'", "'|b1'"), 'at byte 70: bytes left over behind the values of |b1 [2]'],
  [npyBytes(HEADER.replace('<i2', '|b1'), [1, 2]), 'at byte 69: a boolean is 2; expected 0 or 1'],
  [withField('(2,)', '2'), `at byte 60: ${SHAPE}`],
  [withField('(2,)', '(2)'), `at byte 62: ${SHAPE}`],
  [withField('(2,)', '(-2,)'), `at byte 61: ${SHAPE}`],
  [withField('(2,)', '(2.0,)'), `at byte 61: ${SHAPE}`],
  [withField('(2,)', '(02,)'), `at byte 61: ${SHAPE}`],
  [withField('(2,)', '(2,,)'), `at byte 63: ${SHAPE}`],
  [withField('(2,)', '(,)'), `at byte 61: ${SHAPE}`],
  [withField('(2,)', '(9007199254740992,)'), `at byte 61: ${SHAPE}`],
  [withField('(2,)', '(2**9,)'), `at byte 61: ${SHAPE}`],
  [withField('(2,)', '(2, 3'), `at byte 67: ${SHAPE}`],
  [
    withField('(2,)', '(4294967296, 4294967296)'),
    'at byte 60: shape [4294967296, 4294967296] has more values than can be addressed',
  ],
  [
    withField('(2,)', '(9007199254740991,)'),
    'at byte 60: shape [9007199254740991] has more values than can be addressed',
  ],
  [
    withField('(2,)', '(4294967296, 4294967296, 0)'),
    'at byte 60: shape [4294967296, 4294967296, 0] has more values than can be addressed',
  ],
];

for (const [index, [bytes, message]] of MALFORMED.entries()) {
  test(`malformed ${index + 1}: ${message}`, async (t) => {
    const path = fileWith(t, bytes);
    await t.throwsAsync(readNpy(path), {
      instanceOf: GradloomError,
      code: 'FILE_FORMAT',
      message: `${path}: ${message}`,
    });
  });
}

testErrors(test, 'INVALID_OPTION', [
  [
    () => encodeNpy({ shape: [2], data: wrongly([1, 2]) }),
    'encodeNpy: data must be a typed array of floats or integers, got [1, 2]',
  ],
  [
    () => encodeNpy({ shape: [1.5], data: new Float32Array(1) }),
    'encodeNpy: shape must be an array of integers of at least 0, got [1.5]',
  ],
  [
    () => encodeNpy({ shape: wrongly(2), data: new Float32Array(2) }),
    'encodeNpy: shape must be an array of integers of at least 0, got 2',
  ],
]);

testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => encodeNpy({ shape: [2, 2], data: new Float32Array(5) }),
    'encodeNpy: data has 5 values, which do not fill the shape [2, 2]',
  ],
]);

testErrors(test, 'FILE_NOT_FOUND', [
  [() => readNpy('/absent.npy'), '/absent.npy: there is no such file; check the path'],
]);

test('property: random headers give an array or a documented error', (t) => {
  const pieces = fc.constantFrom(
    "'descr'",
    "'shape'",
    "'fortran_order'",
    ':',
    ',',
    "'<i2'",
    'False',
    '(2,)',
    '(',
    ')',
    '{',
    '}',
    ' ',
    '\n',
    '7',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), fc.uint8Array({ maxLength: 8 }), (parts, data) => {
      try {
        const array = decodeNpy(npyBytes(parts.join(''), [...data]), 'x');
        t.is(
          array.data.length,
          array.shape.reduce((product, extent) => product * extent, 1),
        );
      } catch (error) {
        t.true(error instanceof GradloomError && error.code === 'FILE_FORMAT', String(error));
      }
    }),
    { numRuns: 2000, seed: 7 },
  );
});

const PYTHON = '/usr/bin/python3';

function python(script: string, ...args: string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-c', script, ...args], { encoding: 'utf8' });
  if (status === 0) return stdout;
  if (status === null || stderr.includes('ModuleNotFoundError')) return undefined;
  throw new Error(stderr);
}

test('NumPy reads what is written and writes what is read, where it is installed', async (t) => {
  const folder = folderWith(t, {});
  const written = ARRAYS.filter(({ data }) => data.length > 0);
  for (const [index, array] of written.entries()) await writeNpy(join(folder, `${index}.npy`), array);
  const output = python(
    `
import sys, numpy as np
for i in range(int(sys.argv[2])):
    a = np.load(f'{sys.argv[1]}/{i}.npy', allow_pickle=False)
    np.save(f'{sys.argv[1]}/{i}-again.npy', a)
    np.save(f'{sys.argv[1]}/{i}-big.npy', a.astype(a.dtype.newbyteorder('>')))
    print(a.dtype, a.shape, a.tobytes().hex())
np.save(f'{sys.argv[1]}/fortran.npy', np.asfortranarray(np.zeros((2, 3))))
np.save(f'{sys.argv[1]}/bool.npy', np.array([True, False]))
`,
    folder,
    String(written.length),
  );
  if (output === undefined) {
    t.log(`skipped: ${PYTHON} has no NumPy`);
    t.pass();
    return;
  }
  const seen = output.trim().split('\n');
  for (const [index, array] of written.entries()) {
    const { data, shape } = array;
    const type = data.constructor.name.replace('Array', '').replace('Big', '').toLowerCase();
    const extents = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
    const hex = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
    t.is(seen[index], `${type} ${extents} ${hex}`);
    t.deepEqual(await readNpy(join(folder, `${index}-again.npy`)), array);
    t.deepEqual(await readNpy(join(folder, `${index}-big.npy`)), array);
    t.deepEqual(readFileSync(join(folder, `${index}.npy`)), readFileSync(join(folder, `${index}-again.npy`)));
  }
  t.deepEqual((await readNpy(join(folder, 'bool.npy'))).data, Uint8Array.of(1, 0));
  await t.throwsAsync(readNpy(join(folder, 'fortran.npy')), { code: 'FILE_FORMAT', message: /C order/ });
});
