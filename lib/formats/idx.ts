/**
 * The IDX format of MNIST and its kin (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"):
 * two zero bytes, a byte for the type, a byte for the number of axes, each axis as a big-endian uint32, the values
 * big-endian.
 */
import { kMaxLength } from 'node:buffer';
import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync } from 'node:zlib';
import { formatValue } from '../core/options.ts';
import { type ArrayInFile, cannotMap, readHead } from './array-in-file.ts';
import { isSystemError, readWholeFile } from './files.ts';
import { formatError } from './format-error.ts';
import { countValues } from './tensor.ts';

export type IdxData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** The last axis moves fastest. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: IdxData;
}

interface ElementType {
  readonly bytes: number;
  readonly read: (view: DataView, count: number) => IdxData;
}

const TYPES: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [0x08, { bytes: 1, read: (view, n) => new Uint8Array(view.buffer, view.byteOffset, n).slice() }],
  [0x09, { bytes: 1, read: (view, n) => fill(new Int8Array(n), (i) => view.getInt8(i)) }],
  [0x0b, { bytes: 2, read: (view, n) => fill(new Int16Array(n), (i) => view.getInt16(2 * i)) }],
  [0x0c, { bytes: 4, read: (view, n) => fill(new Int32Array(n), (i) => view.getInt32(4 * i)) }],
  [0x0d, { bytes: 4, read: (view, n) => fill(new Float32Array(n), (i) => view.getFloat32(4 * i)) }],
  [0x0e, { bytes: 8, read: (view, n) => fill(new Float64Array(n), (i) => view.getFloat64(8 * i)) }],
]);

function fill<Data extends IdxData>(data: Data, valueAt: (index: number) => number): Data {
  for (let i = 0; i < data.length; i++) data[i] = valueAt(i);
  return data;
}

interface IdxHeader {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly dataStart: number;
  readonly fileBytes: number;
}

const MAGIC_BYTES = 4;
const AXIS_BYTES = 4;

/** Reads the bytes of a file that is not compressed. `fileName` stands in errors. */
export function decodeIdx(bytes: Uint8Array, fileName: string): IdxArray {
  const header = parseHeader(bytes, fileName);
  checkLength(header, bytes.length, fileName);
  const { type, shape, dataStart, fileBytes } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset + dataStart, fileBytes - dataStart);
  return { shape, data: type.read(view, (fileBytes - dataStart) / type.bytes) };
}

function checkLength({ shape, fileBytes }: IdxHeader, bytes: number, fileName: string): void {
  if (bytes < fileBytes) {
    throw formatError(
      fileName,
      bytes,
      `the data end here, but ${formatValue(shape)} values end at byte ${fileBytes}`,
    );
  }
  if (bytes > fileBytes) {
    throw formatError(fileName, fileBytes, `bytes left over behind the ${formatValue(shape)} values`);
  }
}

function parseHeader(bytes: Uint8Array, fileName: string): IdxHeader {
  if (bytes.length < MAGIC_BYTES)
    throw formatError(fileName, bytes.length, 'the file ends within the magic number');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const type = TYPES.get((magic >>> 8) & 0xff);
  const rank = magic & 0xff;
  if (magic >>> 16 !== 0 || type === undefined || rank === 0) {
    const shown = magic.toString(16).padStart(8, '0');
    throw formatError(
      fileName,
      0,
      `magic number 0x${shown} is no IDX file's; expected 0x0000, a type of 08, 09, 0b, 0c, 0d or 0e, and at least 1 axis`,
    );
  }
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const offset = MAGIC_BYTES + AXIS_BYTES * axis;
    if (bytes.length < offset + AXIS_BYTES) {
      throw formatError(fileName, bytes.length, `the file ends within the extent of axis ${axis} of ${rank}`);
    }
    shape.push(view.getUint32(offset));
  }
  const dataStart = MAGIC_BYTES + AXIS_BYTES * rank;
  const fileBytes = dataStart + (countValues(shape) ?? Number.NaN) * type.bytes;
  if (!Number.isSafeInteger(fileBytes)) {
    throw formatError(
      fileName,
      MAGIC_BYTES,
      `the extents ${formatValue(shape)} have more values than can be addressed`,
    );
  }
  return { type, shape: Object.freeze(shape), dataStart, fileBytes };
}

/**
 * Reads an IDX file, plain or compressed by gzip (told apart by their first bytes).
 *
 * Throws `FILE_NOT_FOUND`, and `FILE_FORMAT` with the file, the offset and the field for anything but a whole, exact
 * file.
 */
export async function readIdx(path: string): Promise<IdxArray> {
  const bytes = await readWholeFile(path);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return decodeIdx(isGzip ? await decompress(bytes, path) : bytes, path);
}

/** The most axes that a byte can count. */
const MOST_HEADER_BYTES = MAGIC_BYTES + AXIS_BYTES * 255;

/**
 * Where the values of a file of uint8 or float32 lie, which stay there. Throws what `readIdx` throws, and `INVALID_DATA`
 * for other types and gzip.
 */
export async function findIdx(path: string): Promise<ArrayInFile> {
  const { head, bytes } = await readHead(path, MOST_HEADER_BYTES);
  const header = parseHeader(head, path);
  checkLength(header, bytes, path);
  const { shape, dataStart: offset } = header;
  const kind = head[2];
  if (kind === 0x08 || kind === 0x0d) {
    return { path, bytes, offset, shape, type: kind === 0x08 ? 'uint8' : 'swappedFloat32' };
  }
  throw cannotMap(
    path,
    `holds values of type 0x${kind?.toString(16).padStart(2, '0')}`,
    'save uint8 or float32',
  );
}

/** More than the longest header once it is compressed. */
const HEAD_BYTES = 4096;
const CHUNK_BYTES = 2 ** 20;

/** Reads the header first, so that no file can make us hold more than it says. */
async function decompress(bytes: Uint8Array, fileName: string): Promise<Uint8Array> {
  try {
    const head = gunzipSync(bytes.subarray(0, HEAD_BYTES), { finishFlush: constants.Z_SYNC_FLUSH });
    const { fileBytes } = parseHeader(head, fileName);
    const maxOutputLength = Math.min(fileBytes, kMaxLength);
    return await promisify(gunzip)(bytes, { maxOutputLength, chunkSize: CHUNK_BYTES });
  } catch (error) {
    if (isSystemError(error, 'ERR_BUFFER_TOO_LARGE')) {
      throw formatError(
        fileName,
        0,
        'the gzip stream holds more than its IDX header says, or more than Node can hold',
      );
    }
    if (error instanceof Error && 'errno' in error) {
      throw formatError(fileName, 0, `the gzip stream is damaged or cut short (${error.message})`);
    }
    throw error;
  }
}
