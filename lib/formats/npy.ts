/**
 * NumPy's NPY format (numpy.lib.format): `\x93NUMPY`, the version, the header's length, the header (a Python
 * dictionary of `descr`, `fortran_order` and `shape`), the values. Versions 1.0, 2.0 and 3.0 are read, 1.0 is written.
 */
import { GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, readValue } from '../core/options.ts';
import { type ArrayInFile, cannotMap, readHead } from './array-in-file.ts';
import { readWholeFile, writeFileAtomic } from './files.ts';
import { formatError } from './format-error.ts';
import { type NpyHeader, parseNpyHeader } from './npy-header.ts';
import { countValues } from './tensor.ts';

/** The array that carries each element type; the key is NumPy's, without the byte order. Booleans are 0 and 1. */
const ARRAYS = {
  f4: Float32Array,
  f8: Float64Array,
  i1: Int8Array,
  i2: Int16Array,
  i4: Int32Array,
  i8: BigInt64Array,
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  u8: BigUint64Array,
  b1: Uint8Array,
} as const;

export type NpyData = InstanceType<(typeof ARRAYS)[keyof typeof ARRAYS]>;

/** In C order: the last axis moves fastest. `[]` is one value. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: NpyData;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const ZIP_MAGIC = [0x50, 0x4b, 3, 4];
const VERSION_AT = MAGIC.length;
const LENGTH_AT = VERSION_AT + 2;
/** NumPy itself reads no longer ones from files it does not trust. */
const MAX_HEADER_BYTES = 10_000;
/** What NumPy pads headers to. */
const ALIGNMENT = 64;

/** Reads the bytes of a file; the data are copied. `fileName` stands in errors. */
export function decodeNpy(bytes: Uint8Array, fileName: string): NpyArray {
  const { header, dataStart } = readHeader(bytes, fileName);
  return { shape: Object.freeze(header.shape), data: readData(bytes, dataStart, header, fileName) };
}

function readHeader(bytes: Uint8Array, fileName: string): { header: NpyHeader; dataStart: number } {
  const { headerStart, dataStart } = readFrame(bytes, fileName);
  const encoding = bytes[VERSION_AT] === 3 ? 'utf-8' : 'latin1';
  const text = decodeText(bytes.subarray(headerStart, dataStart), encoding, headerStart, fileName);
  const header = parseNpyHeader(text, (position, message) => {
    const before = encoding === 'latin1' ? position : Buffer.byteLength(text.slice(0, position));
    return formatError(fileName, headerStart + before, message);
  });
  return { header, dataStart };
}

function readFrame(bytes: Uint8Array, fileName: string): { headerStart: number; dataStart: number } {
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) {
    const isZip = ZIP_MAGIC.every((byte, index) => bytes[index] === byte);
    const hint = isZip ? '; this is a ZIP file: of an NPZ archive, save each array by numpy.save' : '';
    throw formatError(fileName, 0, `the magic number is not that of an NPY file (\\x93NUMPY)${hint}`);
  }
  if (bytes.length < LENGTH_AT) throw formatError(fileName, bytes.length, 'the file ends within the version');
  const [major, minor] = bytes.subarray(VERSION_AT, LENGTH_AT) as unknown as [number, number];
  if (minor !== 0 || major < 1 || major > 3) {
    throw formatError(
      fileName,
      VERSION_AT,
      `version ${major}.${minor} is unknown; known are 1.0, 2.0 and 3.0`,
    );
  }
  const headerStart = LENGTH_AT + (major === 1 ? 2 : 4);
  if (bytes.length < headerStart) {
    throw formatError(fileName, bytes.length, "the file ends within the header's length");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = major === 1 ? view.getUint16(LENGTH_AT, true) : view.getUint32(LENGTH_AT, true);
  if (length > MAX_HEADER_BYTES) {
    throw formatError(
      fileName,
      LENGTH_AT,
      `the header's length ${length} exceeds the limit of ${MAX_HEADER_BYTES} bytes`,
    );
  }
  if (headerStart + length > bytes.length) {
    throw formatError(
      fileName,
      LENGTH_AT,
      `the header's length ${length} goes beyond the file's ${bytes.length} bytes`,
    );
  }
  return { headerStart, dataStart: headerStart + length };
}

function decodeText(
  bytes: Uint8Array,
  encoding: 'utf-8' | 'latin1',
  offset: number,
  fileName: string,
): string {
  if (encoding === 'latin1') return Buffer.from(bytes).toString('latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw formatError(fileName, offset, 'the header is not UTF-8');
  }
}

interface NpyLayout {
  readonly type: keyof typeof ARRAYS;
  readonly isSwapped: boolean;
  /** Where the values, and with them the file, end. */
  readonly end: number;
}

/** Checks the type, and that a file of so many bytes holds these values and nothing more. */
function layOut(dataStart: number, header: NpyHeader, bytes: number, fileName: string): NpyLayout {
  const { descr, shape } = header;
  const order = descr[0];
  const type = descr.slice(1);
  if (!isType(type) || !(order === '<' || order === '>' || (order === '|' && type.endsWith('1')))) {
    throw header.fail(
      'descr',
      `descr ${formatValue(descr)} is not supported; known are booleans, integers of 1 to 8 bytes and floats of 4 and 8`,
    );
  }
  const end = dataStart + (countValues(shape) ?? Number.NaN) * ARRAYS[type].BYTES_PER_ELEMENT;
  if (!Number.isSafeInteger(end)) {
    throw header.fail('shape', `shape ${formatValue(shape)} has more values than can be addressed`);
  }
  if (bytes < end) {
    throw formatError(
      fileName,
      bytes,
      `the data end here, but ${descr} ${formatValue(shape)} ends at byte ${end}`,
    );
  }
  if (bytes > end) {
    throw formatError(fileName, end, `bytes left over behind the values of ${descr} ${formatValue(shape)}`);
  }
  return { type, isSwapped: order === '>', end };
}

function readData(bytes: Uint8Array, dataStart: number, header: NpyHeader, fileName: string): NpyData {
  const { type, isSwapped, end } = layOut(dataStart, header, bytes.length, fileName);
  const ArrayType = ARRAYS[type];
  const copy = new Uint8Array(end - dataStart);
  copy.set(bytes.subarray(dataStart, end));
  if (isSwapped) reverseElements(copy, ArrayType.BYTES_PER_ELEMENT);
  const wrong = type === 'b1' ? copy.findIndex((value) => value > 1) : -1;
  if (wrong >= 0)
    throw formatError(fileName, dataStart + wrong, `a boolean is ${copy[wrong]}; expected 0 or 1`);
  return new ArrayType(copy.buffer);
}

function isType(name: string): name is keyof typeof ARRAYS {
  return Object.hasOwn(ARRAYS, name);
}

function reverseElements(bytes: Uint8Array, size: number): void {
  for (let start = 0; start < bytes.length; start += size) bytes.subarray(start, start + size).reverse();
}

const npyArray = guardedBy(
  '{ shape, data }',
  (given): given is NpyArray => typeof given === 'object' && given !== null,
);

/**
 * The bytes of a file with this array, in version 1.0 as NumPy writes it.
 *
 * Throws `INVALID_OPTION` for data of another class and for a shape of anything but integers from 0, and
 * `SHAPE_MISMATCH` when the data do not fill the shape.
 */
export function encodeNpy(array: NpyArray): Uint8Array<ArrayBuffer> {
  const { shape, data } = readValue('encodeNpy', 'array', array, npyArray);
  const type = Object.entries(ARRAYS).find(([, ArrayType]) => data instanceof ArrayType)?.[0];
  if (type === undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `encodeNpy: data must be a typed array of floats or integers, got ${formatValue(data)}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `encodeNpy: shape must be an array of integers of at least 0, got ${formatValue(shape)}`,
    );
  }
  if (countValues(shape) !== data.length) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `encodeNpy: data has ${data.length} values, which do not fill the shape ${formatValue(shape)}`,
    );
  }
  const order = data.BYTES_PER_ELEMENT === 1 ? '|' : '<';
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${order}${type}', 'fortran_order': False, 'shape': (${extents}), }`;
  const headerStart = LENGTH_AT + 2;
  const dataStart = Math.ceil((headerStart + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const file = new Uint8Array(dataStart + data.byteLength);
  file.set([...MAGIC, 1, 0]);
  new DataView(file.buffer).setUint16(LENGTH_AT, dataStart - headerStart, true);
  file.set(new TextEncoder().encode(`${dictionary.padEnd(dataStart - headerStart - 1)}\n`), headerStart);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), dataStart);
  return file;
}

/**
 * Reads an NPY file of floats, integers or booleans in C order, of either byte order.
 *
 * Throws `FILE_NOT_FOUND`, and `FILE_FORMAT` with the file, the offset and the field for anything but a whole, exact
 * file, and for arrays in Fortran order.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  return decodeNpy(await readWholeFile(path), path);
}

/**
 * Where the values of a file of uint8 or float32 lie, which stay there. Throws what `readNpy` throws, and `INVALID_DATA`
 * for other types and gzip.
 */
export async function findNpy(path: string): Promise<ArrayInFile> {
  const { head, bytes } = await readHead(path, LENGTH_AT + 4 + MAX_HEADER_BYTES);
  const { header, dataStart: offset } = readHeader(head, path);
  const { type, isSwapped } = layOut(offset, header, bytes, path);
  const shape = Object.freeze(header.shape);
  if (type === 'u1') return { path, bytes, offset, shape, type: 'uint8' };
  if (type === 'f4') return { path, bytes, offset, shape, type: isSwapped ? 'swappedFloat32' : 'float32' };
  throw cannotMap(path, `holds values of type ${header.descr}`, 'save it as uint8 or float32 (array.astype)');
}

/**
 * Writes an NPY file, all or nothing.
 *
 * @example
 * await writeNpy('weights.npy', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
 *
 * Throws what `readNpy`'s counterpart cannot hold: `INVALID_OPTION` for data that are no typed array of floats or
 * integers, `SHAPE_MISMATCH` when they do not fill the shape; and `FILE_NOT_FOUND` when the folder does not exist.
 */
export async function writeNpy(path: string, array: NpyArray): Promise<void> {
  await writeFileAtomic(path, encodeNpy(array));
}
