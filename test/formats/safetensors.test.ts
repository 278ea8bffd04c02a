import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import { GradloomError } from '../../lib/core/errors.ts';
import { decodeSafetensors, encodeSafetensors, readSafetensors } from '../../lib/formats/safetensors.ts';
import { ARRAYS, type DataType, type Tensor } from '../../lib/formats/tensor.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/reference.safetensors', import.meta.url));

function f32(shape: number[], values: number[]): Tensor {
  return { dtype: 'F32', shape, data: Float32Array.from(values) };
}

const SMALL: [string, Tensor][] = [
  ['dense_1.weight', f32([2, 3], [1.5, -2, 3, 0.25, 1e-30, -0])],
  ['dense_1.bias', f32([2], [7, -8])],
];

/** A file with this header text and so many zero bytes of data. */
function fileOf(header: string, dataBytes = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

function decodeForeign(bytes: Uint8Array) {
  return decodeSafetensors(bytes, 'm.safetensors', { checksum: 'optional' });
}

test('tensors and metadata come back as they were', (t) => {
  const { tensors, metadata } = decodeSafetensors(encodeSafetensors(SMALL, { a: '1', ü: 'snow ☃\n"' }), 'm');
  t.deepEqual([...tensors], SMALL);
  t.deepEqual({ ...metadata }, { a: '1', ü: 'snow ☃\n"' });
});

test('the layout of a small file, byte for byte', (t) => {
  const file = encodeSafetensors([['w', f32([1], [1])]], { k: 'v' });
  const digits = decodeText(file).slice(44, 108);
  const header =
    `{"__metadata__":{"checksum":"sha256:${digits}","k":"v"},` +
    '"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  t.is(decodeText(file).slice(8, 8 + header.length), header);
  t.is(new DataView(file.buffer).getBigUint64(0, true) % 8n, 0n);
  t.deepEqual([...file.subarray(-4)], [0, 0, 0x80, 0x3f]);
  t.regex(decodeText(file).slice(8 + header.length, -4), /^ {0,7}$/);
});

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}

test('the checksum is SHA-256 of the file with its own digits as zeros', (t) => {
  const file = encodeSafetensors(SMALL);
  const at = decodeText(file).indexOf('sha256:') + 7;
  const digits = decodeText(file).slice(at, at + 64);
  const zeroed = file.slice().fill(0x30, at, at + 64);
  t.is(digits, createHash('sha256').update(zeroed).digest('hex'));
});

test('wide elements go first, so that every tensor is aligned', (t) => {
  const file = encodeSafetensors([
    ['u8', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ['f32', f32([1], [1])],
    ['i64', { dtype: 'I64', shape: [1], data: BigInt64Array.of(-1n) }],
    ['i16', { dtype: 'I16', shape: [1], data: Int16Array.of(-2) }],
  ]);
  t.deepEqual([...decodeSafetensors(file, 'm').tensors.keys()], ['i64', 'f32', 'i16', 'u8']);
});

test('floats that are cut to BF16 are written as their upper halves are', (t) => {
  const floats = new Float32Array(Uint32Array.of(0x3f80_0000, 0xc123_0000, 0x7fc0_0000, 0).buffer);
  const halves = Uint16Array.of(0x3f80, 0xc123, 0x7fc0, 0);
  t.deepEqual(
    encodeSafetensors([['w', { dtype: 'BF16', shape: [2, 2], data: floats }], ...SMALL]),
    encodeSafetensors([['w', { dtype: 'BF16', shape: [2, 2], data: halves }], ...SMALL]),
  );
});

test('decoded data are copies: changing the bytes afterwards does not matter', (t) => {
  const file = encodeSafetensors([['w', f32([2], [1, 2])]]);
  const { tensors } = decodeSafetensors(file, 'm');
  file.fill(0);
  t.deepEqual([...(tensors.get('w')?.data ?? [])], [1, 2]);
});

test('a view into a larger buffer is read and written', (t) => {
  const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
  const file = encodeSafetensors([['w', { dtype: 'F32', shape: [2], data }]]);
  const larger = new Uint8Array(file.length + 6);
  larger.set(file, 3);
  const { tensors } = decodeSafetensors(larger.subarray(3, 3 + file.length), 'm');
  t.deepEqual([...(tensors.get('w')?.data ?? [])], [1, 2]);
});

test('tensors of a file are read at any alignment', async (t) => {
  const file = encodeSafetensors([
    ['d', { dtype: 'F64', shape: [2], data: Float64Array.of(0.1, -3) }],
    ['w', f32([3], [1, 2, 3])],
  ]);
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const path = join(tmpdir(), `gradloom-alignment-${process.pid}.safetensors`);
  t.teardown(() => rm(path));
  for (let more = 0; more < 8; more++) {
    const moved = new Uint8Array(file.length + more).fill(0x20);
    moved.set(file.subarray(0, 8 + length));
    moved.set(file.subarray(8 + length), 8 + length + more);
    new DataView(moved.buffer).setBigUint64(0, BigInt(length + more), true);
    const text = new TextDecoder('latin1').decode(moved).replace('checksum":"sha256', 'sum":"sha256aaaaa');
    await writeFile(path, Buffer.from(text, 'latin1'));
    const { tensors } = await readSafetensors(path, { checksum: 'optional' });
    t.deepEqual(tensors.get('d')?.data, Float64Array.of(0.1, -3));
    t.deepEqual(tensors.get('w')?.data, Float32Array.of(1, 2, 3));
  }
});

test('names that JavaScript objects treat in their own way are plain names', (t) => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '\u2028', '"\\/'];
  const metadata = Object.fromEntries(names.map((name) => [name, `m ${name}`]));
  const file = encodeSafetensors(
    names.map((name, index): [string, Tensor] => [name, f32([1], [index])]),
    metadata,
  );
  const decoded = decodeSafetensors(file, 'm');
  t.deepEqual([...decoded.tensors.keys()], names);
  t.deepEqual(Object.entries(decoded.metadata), Object.entries(metadata));
  t.is(Object.getPrototypeOf(decoded.metadata), null);
  t.is(({} as Record<string, unknown>).polluted, undefined);
});

const tensor: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(ARRAYS) as DataType[])),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
    seed: fc.uint8Array({ minLength: 512, maxLength: 512 }),
  })
  .map(({ dtype, shape, seed }) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    return { dtype, shape, data: new ARRAYS[dtype](seed.slice().buffer, 0, count) } as Tensor;
  });

/** NUL and half surrogate pairs are refused. */
const name = fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => !text.includes('\0'));

test('property: any tensors and metadata survive the round trip, bit for bit', (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(name, tensor), { maxLength: 6, selector: ([key]) => key }),
      fc.dictionary(name, name, { maxKeys: 4 }),
      (tensors, metadata) => {
        const { checksum: _, ...rest } = metadata;
        const named = tensors.filter(([key]) => key !== '__metadata__');
        const decoded = decodeSafetensors(encodeSafetensors(named, rest), 'm');
        t.is(decoded.tensors.size, named.length);
        for (const [key, { dtype, shape, data }] of named) {
          const got = decoded.tensors.get(key);
          t.deepEqual({ dtype: got?.dtype, shape: got?.shape }, { dtype, shape });
          t.deepEqual(bytesOf(got?.data), bytesOf(data));
        }
        t.deepEqual({ ...decoded.metadata }, rest);
      },
    ),
    { numRuns: 200, seed: 7 },
  );
});

function bytesOf(data: Tensor['data'] | undefined): number[] {
  return data === undefined ? [] : [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

// ---------------------------------------------------------------------------------------------------------------
// Damage

test('every flip of any bit of a file is detected', (t) => {
  const file = encodeSafetensors(SMALL, { model: '{}' });
  let mismatches = 0;
  for (let bit = 0; bit < file.length * 8; bit++) {
    const damaged = file.slice();
    damaged[bit >>> 3] = (damaged[bit >>> 3] as number) ^ (1 << (bit & 7));
    const error = t.throws(
      () => decodeSafetensors(damaged, 'm'),
      { instanceOf: GradloomError },
      `bit ${bit}`,
    );
    t.true(
      error.code === 'CHECKSUM_MISMATCH' || error.code === 'FILE_FORMAT',
      `bit ${bit}: ${error.message}`,
    );
    if (error.code === 'CHECKSUM_MISMATCH') mismatches++;
  }
  t.true(mismatches > 256);
});

test('a file cut short at any byte, or longer by one, is detected', (t) => {
  const file = encodeSafetensors(SMALL);
  for (let length = 0; length < file.length; length++) {
    t.throws(
      () => decodeSafetensors(file.slice(0, length), 'm'),
      { code: 'FILE_FORMAT' },
      `length ${length}`,
    );
  }
  const longer = new Uint8Array(file.length + 1);
  longer.set(file);
  t.throws(() => decodeSafetensors(longer, 'm.safetensors'), {
    code: 'FILE_FORMAT',
    message: `m.safetensors: at byte ${longer.length}: the file holds 33 bytes of data, its tensors take 32`,
  });
});

test('a changed value is told by the checksum, and the text says what to do', (t) => {
  const file = encodeSafetensors(SMALL);
  file[file.length - 1] = 0;
  const error = t.throws(() => decodeSafetensors(file, 'm.safetensors'), {
    instanceOf: GradloomError,
    code: 'CHECKSUM_MISMATCH',
  });
  t.regex(
    error.message,
    /^m\.safetensors: its contents have checksum [0-9a-f]{16}\.\.\., but it says [0-9a-f]{16}\.\.\.; it changed after it was written: use another copy$/,
  );
});

test('a file of several pieces is read as it is decoded, and a change in any of them is told', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-safetensors-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'm.safetensors');
  const data = Float32Array.from({ length: 2 ** 19 + 3 }, (_, place) => Math.sin(place));
  const file = encodeSafetensors([['w', { dtype: 'F32', shape: [data.length], data }]], { a: '1' });
  await writeFile(path, file);
  t.deepEqual(await readSafetensors(path), decodeSafetensors(file, path));
  for (const place of [file.length - 1, file.length - 2 ** 20, 2 ** 20, 2 ** 17]) {
    const damaged = file.slice();
    damaged[place] = (damaged[place] as number) ^ 1;
    await writeFile(path, damaged);
    await t.throwsAsync(readSafetensors(path), { code: 'CHECKSUM_MISMATCH' });
  }
});

test('a file without a checksum is read only on demand', (t) => {
  const file = fileOf('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4);
  t.throws(() => decodeSafetensors(file, 'm'), {
    code: 'FILE_FORMAT',
    message: `m: at byte 8: metadata has no "checksum"; a file that another program wrote is read with { checksum: 'optional' }`,
  });
  t.deepEqual([...decodeForeign(file).tensors.keys()], ['w']);
});

test('a checksum of another form is an error', (t) => {
  const file = fileOf('{"__metadata__":{"checksum":"md5:00"}}');
  t.throws(() => decodeForeign(file), {
    code: 'FILE_FORMAT',
    message: 'm.safetensors: at byte 36: "checksum" must be "sha256:" and 64 lower-case digits',
  });
});

test('a checksum anywhere in the header is found behind text of several bytes a character', (t) => {
  const zeros = '0'.repeat(64);
  const header = `{"__metadata__":{"☃":"\\"checksum\\":\\"sha256:${zeros}\\"", "checksum" : "sha256:${zeros}"}}`;
  const file = fileOf(header);
  const at = Buffer.from(header).lastIndexOf('sha256:') + 8 + 7;
  const digits = createHash('sha256').update(file).digest();
  file.set(new TextEncoder().encode(digits.toString('hex')), at);
  t.is(decodeSafetensors(file, 'm').metadata['☃'], `"checksum":"sha256:${zeros}"`);
});

// ---------------------------------------------------------------------------------------------------------------
// Malformed headers

const W = '"dtype":"F32","shape":[1],"data_offsets":[0,4]';

const MALFORMED: readonly (readonly [what: string, header: string, dataBytes: number, message: string])[] = [
  ['empty', '', 0, 'at byte 8: the header must begin with "{"'],
  ['blank first', ' {}', 0, 'at byte 8: the header must begin with "{"'],
  ['byte order mark', '\ufeff{}', 0, 'at byte 8: the header must begin with "{"'],
  ['array', '[]', 0, 'at byte 8: the header must begin with "{"'],
  ['unclosed', '{', 0, 'at byte 9: expected a string in the header'],
  ['unclosed later', `{"w":{${W}}`, 4, 'at byte 61: expected "}" in the header'],
  ['text behind', '{}x', 0, 'at byte 10: expected nothing more in the header'],
  ['second object', '{}{}', 0, 'at byte 10: expected nothing more in the header'],
  ['NUL behind', '{}\0', 0, 'at byte 10: expected nothing more in the header'],
  ['comma behind', `{"w":{${W}},}`, 4, 'at byte 62: expected a string in the header'],
  ['no quotes', `{w:{${W}}}`, 4, 'at byte 9: expected a string in the header'],
  ['no colon', `{"w"{${W}}}`, 4, 'at byte 12: expected ":" in the header'],
  ['unclosed string', '{"w', 0, 'at byte 9: expected a valid JSON string in the header'],
  ['escape at the end', '{"w\\', 0, 'at byte 9: expected a valid JSON string in the header'],
  ['bad escape', `{"\\x":{${W}}}`, 4, 'at byte 9: expected a valid JSON string in the header'],
  ['control character', `{"\n":{${W}}}`, 4, 'at byte 9: expected a valid JSON string in the header'],
  ['half a surrogate pair', `{"\\ud800":{${W}}}`, 4, 'at byte 9: expected a valid JSON string in the header'],
  ['equal names', `{"w":{${W}},"w":{${W}}}`, 4, 'at byte 62: key "w" stands twice in the header'],
  [
    'equal names by escape',
    `{"w":{${W}},"\\u0077":{${W}}}`,
    4,
    'at byte 62: key "w" stands twice in the header',
  ],
  [
    'equal __proto__',
    `{"__proto__":{${W}},"__proto__":{${W}}}`,
    4,
    'at byte 70: key "__proto__" stands twice in the header',
  ],
  ['NUL in a name', `{"a\\u0000b":{${W}}}`, 4, 'at byte 20: tensor "a\\u0000b": a name must not hold NUL'],
  [
    'two metadata',
    '{"__metadata__":{},"__metadata__":{}}',
    0,
    'at byte 27: key "__metadata__" stands twice in the header',
  ],
  ['metadata a string', '{"__metadata__":"x"}', 0, 'at byte 24: expected "{" in "__metadata__"'],
  ['metadata null', '{"__metadata__":null}', 0, 'at byte 24: expected "{" in "__metadata__"'],
  ['metadata of numbers', '{"__metadata__":{"a":1}}', 0, 'at byte 29: expected a string in "__metadata__"'],
  ['metadata nested', '{"__metadata__":{"a":{}}}', 0, 'at byte 29: expected a string in "__metadata__"'],
  [
    'equal metadata',
    '{"__metadata__":{"a":"1","a":"2"}}',
    0,
    'at byte 33: key "a" stands twice in "__metadata__"',
  ],
  ['tensor null', '{"w":null}', 0, 'at byte 13: expected "{" in tensor "w"'],
  ['tensor an array', '{"w":[]}', 0, 'at byte 13: expected "{" in tensor "w"'],
  ['tensor empty', '{"w":{}}', 0, 'at byte 13: tensor "w": dtype is missing'],
  ['no shape', '{"w":{"dtype":"F32","data_offsets":[0,4]}}', 4, 'at byte 13: tensor "w": shape is missing'],
  ['no offsets', '{"w":{"dtype":"F32","shape":[1]}}', 4, 'at byte 13: tensor "w": data_offsets is missing'],
  ['no dtype', '{"w":{"shape":[1],"data_offsets":[0,4]}}', 4, 'at byte 13: tensor "w": dtype is missing'],
  ['equal fields', `{"w":{${W},"shape":[1]}}`, 4, 'at byte 61: key "shape" stands twice in tensor "w"'],
  [
    'unknown field',
    `{"w":{${W},"strides":[1]}}`,
    4,
    'at byte 13: tensor "w": unknown field "strides"; the format has dtype, shape and data_offsets',
  ],
  [
    'unknown dtype',
    '{"w":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}',
    4,
    'at byte 13: tensor "w": unknown dtype "F31"; known are F64, F32, F16, BF16, F8_E5M2, F8_E4M3, I64, I32, I16, I8, U64, U32, U16, U8, BOOL',
  ],
  [
    'dtype of an object',
    '{"w":{"dtype":"toString","shape":[1],"data_offsets":[0,4]}}',
    4,
    'at byte 13: tensor "w": unknown dtype "toString"; known are F64, F32, F16, BF16, F8_E5M2, F8_E4M3, I64, I32, I16, I8, U64, U32, U16, U8, BOOL',
  ],
  [
    'dtype a number',
    '{"w":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}',
    4,
    'at byte 22: expected a string in tensor "w"',
  ],
  [
    'shape a number',
    '{"w":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}',
    4,
    'at byte 36: expected "[" in the shape of tensor "w"',
  ],
  ['negative extent', shaped('-1'), 4, INTEGER('shape')],
  ['minus zero', shaped('-0'), 4, INTEGER('shape')],
  ['fractional extent', shaped('1.0'), 4, INTEGER('shape')],
  ['exponent', shaped('1e0'), 4, INTEGER('shape')],
  ['leading zero', shaped('01'), 4, INTEGER('shape')],
  ['plus', shaped('+1'), 4, INTEGER('shape')],
  ['hexadecimal', shaped('0x1'), 4, 'at byte 38: expected "]" in the shape of tensor "w"'],
  ['NaN', shaped('NaN'), 4, INTEGER('shape')],
  ['text extent', shaped('"1"'), 4, INTEGER('shape')],
  ['nested shape', shaped('[1]'), 4, INTEGER('shape')],
  ['2^53', shaped('9007199254740992'), 4, INTEGER('shape')],
  ['2^64', shaped('18446744073709551616'), 4, INTEGER('shape')],
  [
    'comma behind an extent',
    shaped('1,'),
    4,
    'at byte 39: expected an integer from 0 to 2^53 - 1 in the shape of tensor "w"',
  ],
  [
    'product 2^64',
    shaped('4294967296,4294967296'),
    4,
    'at byte 13: tensor "w": shape [4294967296, 4294967296] has more values than can be addressed',
  ],
  [
    'product 2^64 times 0',
    shaped('4294967296,4294967296,0'),
    4,
    'at byte 13: tensor "w": shape [4294967296, 4294967296, 0] has more values than can be addressed',
  ],
  [
    'bytes of 2^53',
    shaped('9007199254740991'),
    4,
    'at byte 13: tensor "w": data_offsets span 4 bytes, but F32 [9007199254740991] takes 36028797018963964',
  ],
  [
    'product of 2^32',
    shaped('65536,65537'),
    4,
    'at byte 13: tensor "w": data_offsets span 4 bytes, but F32 [65536, 65537] takes 17180131328',
  ],
  [
    'one offset',
    placed('0'),
    4,
    'at byte 13: tensor "w": data_offsets must be [begin, end] with begin <= end, got [0]',
  ],
  [
    'three offsets',
    placed('0,4,4'),
    4,
    'at byte 13: tensor "w": data_offsets must be [begin, end] with begin <= end, got [0, 4, 4]',
  ],
  [
    'no offset',
    placed(''),
    4,
    'at byte 13: tensor "w": data_offsets must be [begin, end] with begin <= end, got []',
  ],
  [
    'offsets turned round',
    placed('4,0'),
    4,
    'at byte 13: tensor "w": data_offsets must be [begin, end] with begin <= end, got [4, 0]',
  ],
  ['negative offset', placed('-4,0'), 4, INTEGER('data_offsets', 56)],
  ['fractional offset', placed('0,4.5'), 4, INTEGER('data_offsets', 58)],
  [
    'offsets too narrow',
    placed('0,3'),
    3,
    'at byte 13: tensor "w": data_offsets span 3 bytes, but F32 [1] takes 4',
  ],
  [
    'offsets too wide',
    placed('0,8'),
    8,
    'at byte 13: tensor "w": data_offsets span 8 bytes, but F32 [1] takes 4',
  ],
  [
    'beyond the file',
    placed('0,4'),
    3,
    'at byte 13: tensor "w": data_offsets end at 4, but the file holds 3 bytes of data',
  ],
  [
    'gap before',
    placed('4,8'),
    8,
    'at byte 13: tensor "w": data_offsets begin at 4, but the data before end at 0: a gap',
  ],
  ['bytes left over', placed('0,4'), 5, 'at byte 67: the file holds 5 bytes of data, its tensors take 4'],
  ['data without a tensor', '{}', 1, 'at byte 11: the file holds 1 bytes of data, its tensors take 0'],
  [
    'overlap',
    twoAt('[0,4]', '[2,6]'),
    6,
    'at byte 66: tensor "b": data_offsets begin at 2, but the data before end at 4: an overlap',
  ],
  [
    'the same place',
    twoAt('[0,4]', '[0,4]'),
    4,
    'at byte 66: tensor "b": data_offsets begin at 0, but the data before end at 4: an overlap',
  ],
  [
    'gap between',
    twoAt('[0,4]', '[5,9]'),
    9,
    'at byte 66: tensor "b": data_offsets begin at 5, but the data before end at 4: a gap',
  ],
];

function shaped(shape: string): string {
  return `{"w":{"dtype":"F32","shape":[${shape}],"data_offsets":[0,4]}}`;
}

function placed(offsets: string): string {
  return `{"w":{"dtype":"F32","shape":[1],"data_offsets":[${offsets}]}}`;
}

function twoAt(a: string, b: string): string {
  const entry = (offsets: string) => `{"dtype":"F32","shape":[1],"data_offsets":${offsets}}`;
  return `{"a":${entry(a)},"b":${entry(b)}}`;
}

function INTEGER(field: string, offset = 37): string {
  return `at byte ${offset}: expected an integer from 0 to 2^53 - 1 in the ${field} of tensor "w"`;
}

for (const [what, header, dataBytes, message] of MALFORMED) {
  test(`malformed header: ${what}`, (t) => {
    t.throws(() => decodeForeign(fileOf(header, dataBytes)), {
      instanceOf: GradloomError,
      code: 'FILE_FORMAT',
      message: `m.safetensors: ${message}`,
    });
  });
}

test('header lengths that cannot be are refused', (t) => {
  const withLength = (length: bigint) => {
    const file = fileOf('{}');
    new DataView(file.buffer).setBigUint64(0, length, true);
    return file;
  };
  const limit = 2n ** 24n;
  for (const length of [limit + 1n, 2n ** 31n, 2n ** 32n + 2n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    t.throws(() => decodeForeign(withLength(length)), {
      code: 'FILE_FORMAT',
      message: `m.safetensors: at byte 0: the header's length ${length} exceeds the limit of 16777216 bytes`,
    });
  }
  for (const length of [3n, limit]) {
    t.throws(() => decodeForeign(withLength(length)), {
      code: 'FILE_FORMAT',
      message: `m.safetensors: at byte 0: the header's length ${length} goes beyond the file's 10 bytes`,
    });
  }
  t.throws(() => decodeForeign(new Uint8Array(7)), {
    message: "m.safetensors: at byte 7: the file ends within the header's length (8 bytes)",
  });
});

test('a file that begins as a text is called one, and what reads texts is named', (t) => {
  for (const [text, start] of [
    ['user,item\nann,tea\n', 'user,ite'],
    ['a\tb\r\n1\t2', 'a\tb\r\n1\t2'],
    // Eight bytes end within a character.
    ['Äpfel,ärmel', 'Äpfel,'],
  ] as const) {
    t.throws(() => decodeForeign(new TextEncoder().encode(text)), {
      code: 'FILE_FORMAT',
      message: `m.safetensors: at byte 0: this is a text that begins with ${JSON.stringify(start)}, and no safetensors file; tables are read by csv and readCsv, word vectors by loadWordVectors`,
    });
  }
});

test('files of other kinds are called what they are, and what to do is said', (t) => {
  const torch =
    'of a PyTorch model safetensors.torch.save_file(model.state_dict(), path) writes one, which model.loadPyTorch reads';
  const arrays =
    'of arrays by name safetensors.numpy.save_file(arrays, path) writes one, which model.loadWeights reads';
  for (const [start, kind, does] of [
    [
      'PK\x03\x04\0\0\b\b',
      'a ZIP archive, such as torch.save, NumPy (.npz) and Keras (.keras) write',
      `${torch}, ${arrays}`,
    ],
    ['\x80\x02\x8a\nl\xfc\x9cF', 'pickled Python, such as torch.save wrote', torch],
    ['\x80\x05\x95\x34\x12\0\0\0', 'pickled Python, such as torch.save wrote', torch],
    ['\x89HDF\r\n\x1a\n', 'an HDF5 file, such as Keras (.h5) writes', arrays],
  ] as const) {
    t.throws(() => decodeForeign(Buffer.from(start, 'latin1')), {
      code: 'FILE_FORMAT',
      message: `m.safetensors: at byte 0: this is ${kind}, and no safetensors file; ${does}`,
    });
  }
});

test('a header that is not UTF-8 is refused', (t) => {
  const file = fileOf('{"w":{}}');
  file[10] = 0xff;
  t.throws(() => decodeForeign(file), { message: 'm.safetensors: at byte 8: the header is not UTF-8' });
});

test('hostile headers of 16 MB are answered at once', (t) => {
  const size = 2 ** 24 - 100;
  const many = Array.from({ length: 500_000 }, (_, i) => `"${i}":"${i}"`).join(',');
  const headers = [
    `{${' '.repeat(size)}`,
    `{"${'a'.repeat(size)}`,
    `{"${'\\'.repeat(size)}`,
    `{"w":{"shape":[${'9'.repeat(size)}`,
    `{"w":{"shape":[${'1,'.repeat(size / 2)}`,
    `{"w":${'['.repeat(size)}`,
    `{"w":${'{'.repeat(size)}`,
    `{"${'☃'.repeat(size / 3)}":1`,
    `{"__metadata__":{${many},"checksum":1`,
  ];
  for (const header of headers) {
    // Of this process alone: other work on the machine does not count.
    const begin = process.cpuUsage();
    const error = t.throws(() => decodeForeign(fileOf(header)), { code: 'FILE_FORMAT' });
    t.true(error.message.length < 300, error.message.slice(0, 300));
    t.true(process.cpuUsage(begin).user < 10_000_000, header.slice(0, 20));
  }
});

test('property: random bytes and random changes never give anything but a documented error', (t) => {
  const file = encodeSafetensors(SMALL, { a: 'b' });
  const change = fc.tuple(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 }));
  const changed = fc.array(change, { maxLength: 4 }).map((changes) => {
    const copy = file.slice();
    for (const [at, value] of changes) copy[at] = value;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      try {
        decodeForeign(bytes);
      } catch (error) {
        t.true(
          error instanceof GradloomError && ['FILE_FORMAT', 'CHECKSUM_MISMATCH'].includes(error.code),
          String(error),
        );
      }
    }),
    { numRuns: 2000, seed: 11 },
  );
  t.pass();
});

// ---------------------------------------------------------------------------------------------------------------
// What encoding refuses

const REFUSED: readonly (readonly [
  what: string,
  tensors: [string, Tensor][],
  metadata: Record<string, string>,
  message: string,
])[] = [
  [
    'equal names',
    [
      ['w', f32([1], [1])],
      ['w', f32([1], [1])],
    ],
    {},
    'tensor "w" stands twice',
  ],
  [
    'NUL',
    [['a\0b', f32([1], [1])]],
    {},
    '"a\\u0000b" cannot name a tensor; use text without NUL other than "__metadata__"',
  ],
  [
    '__metadata__',
    [['__metadata__', f32([1], [1])]],
    {},
    '"__metadata__" cannot name a tensor; use text without NUL other than "__metadata__"',
  ],
  [
    'half a surrogate pair',
    [['\ud800', f32([1], [1])]],
    {},
    '"\\ud800" cannot name a tensor; use text without NUL other than "__metadata__"',
  ],
  ['too few values', [['w', f32([2, 2], [1, 2, 3])]], {}, 'tensor "w": Float32Array(3) is not F32 [2, 2]'],
  [
    'another type',
    [['w', { dtype: 'I32', shape: [1], data: Float32Array.of(1) } as unknown as Tensor]],
    {},
    'tensor "w": Float32Array(1) is not I32 [1]',
  ],
  ['an own checksum', [], { checksum: 'x' }, 'metadata key "checksum" is the format\'s own; use another'],
];

for (const [what, tensors, metadata, message] of REFUSED) {
  test(`encoding refuses ${what}`, (t) => {
    t.throws(() => encodeSafetensors(tensors, metadata), {
      instanceOf: GradloomError,
      code: 'INVALID_DATA',
      message: `encodeSafetensors: ${message}`,
    });
  });
}

// ---------------------------------------------------------------------------------------------------------------
// The reference implementation

test('a file of the reference implementation is read', (t) => {
  const { tensors, metadata } = decodeSafetensors(readFileSync(FIXTURE), FIXTURE, { checksum: 'optional' });
  t.deepEqual({ ...metadata }, { 'made by': 'safetensors 0.4.5, NumPy', snow: '☃' });
  t.deepEqual(Object.fromEntries(tensors), {
    steps: { dtype: 'I64', shape: [], data: BigInt64Array.of(123456789012n) },
    'dense_1.bias': f32([2], [7, -8]),
    'dense_1.weight': f32([2, 3], [1.5, -2, 3, 0.25, 1e-30, -0]),
    empty: f32([0, 4], []),
    mask: { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 0, 255) },
  });
});

const PYTHON = '/usr/bin/python3';
const DUMP = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], framework='np') as f:
    tensors = {k: [str(f.get_tensor(k).dtype), list(f.get_tensor(k).shape), f.get_tensor(k).ravel().tolist()] for k in f.keys()}
    print(json.dumps([tensors, sorted(f.metadata())]))
`;

function hasReference(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import safetensors, numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('the reference implementation reads a file of ours', (t) => {
  if (!hasReference()) {
    t.log(`skipped: ${PYTHON} has no safetensors and numpy (Debian: python3-safetensors, python3-numpy)`);
    t.pass();
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'ours.safetensors');
  const all: [string, Tensor][] = [
    ['w', f32([2, 3], [1.5, -2, 3, 0.25, 5, 6])],
    ['scalar', { dtype: 'I64', shape: [], data: BigInt64Array.of(-5n) }],
    ['bytes', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 255) }],
    ['ints', { dtype: 'I32', shape: [1, 2], data: Int32Array.of(-7, 8) }],
    ['empty', f32([0, 4], [])],
    ['ü ☃', f32([1], [2])],
  ];
  writeFileSync(path, encodeSafetensors(all, { format: 'gradloom', ü: '☃' }));
  const [tensors, keys] = JSON.parse(execFileSync(PYTHON, ['-c', DUMP, path], { encoding: 'utf8' }));
  t.deepEqual(tensors, {
    w: ['float32', [2, 3], [1.5, -2, 3, 0.25, 5, 6]],
    scalar: ['int64', [], [-5]],
    bytes: ['uint8', [3], [1, 2, 255]],
    ints: ['int32', [1, 2], [-7, 8]],
    empty: ['float32', [0, 4], []],
    'ü ☃': ['float32', [1], [2]],
  });
  t.deepEqual(keys, ['checksum', 'format', 'ü']);
});

test('what could not be read again is not written', (t) => {
  t.throws(() => encodeSafetensors([], { table: 'x'.repeat(2 ** 24) }), {
    code: 'INVALID_DATA',
    message:
      /^encodeSafetensors: metadata and names take \d{8} bytes, more than the 16777216 of a file's header$/,
  });
});
