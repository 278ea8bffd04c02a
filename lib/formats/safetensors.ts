/**
 * The safetensors format (https://github.com/huggingface/safetensors): 8 bytes with the header's length,
 * little-endian; a JSON header with each tensor's type, shape and place; the data. The header's `__metadata__` maps
 * strings to strings.
 *
 * Files written here carry a checksum in their metadata: `sha256:` and the digest of the whole file with the digest's
 * own 64 digits as zeros. Any reader of the format reads them.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { AT_ONCE, checkFile, readWholeFile, replaceFile } from './files.ts';
import { upperHalves } from './float32.ts';
import { formatError } from './format-error.ts';
import {
  type Header,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  METADATA_KEY,
  parseHeader,
  type TensorPlace,
} from './safetensors-header.ts';
import { ARRAYS, type CutFloats, countValues, isCut, type Tensor } from './tensor.ts';

/** What a file is written from. */
export type WrittenTensor = Tensor | CutFloats;

const CHECKSUM_KEY = 'checksum';
const CHECKSUM_PREFIX = 'sha256:';
const NO_DIGITS = '0'.repeat(64);
const CHECKSUM = /^"sha256:[0-9a-f]{64}"$/;
/** Where data begin and what the header is padded to, so that a mapped file has aligned tensors. */
const ALIGNMENT = 8;

export interface DecodedFile {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Without the checksum. Has no prototype: any key is the file's. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface DecodeOptions {
  /**
   * `'required'`: a file without a checksum is an error. `'optional'`: for files of other programs, which have none.
   * One that is there is verified either way. Default: `'required'`.
   */
  readonly checksum?: 'required' | 'optional';
}

/**
 * The bytes of a file with these tensors and metadata and its checksum.
 *
 * Tensors of wide elements go first and keep their order otherwise, so each is aligned to its element. Throws
 * `INVALID_DATA` for a name that stands twice, is `__metadata__` or holds a NUL, for data that do not fill the
 * shape, and for more than 16 MiB of metadata and names, which could not be read again.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: WrittenTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const { head, digitsAt, data } = layOut(tensors, metadata);
  const file = new Uint8Array(data.reduce((sum, { byteLength }) => sum + byteLength, head.length));
  file.set(head);
  let position = head.length;
  for (const part of data) {
    file.set(part.slice(0, part.byteLength), position);
    position += part.byteLength;
  }
  file.set(new TextEncoder().encode(digest(file, digitsAt)), digitsAt);
  return file;
}

/** Bytes that are hashed at a time: some milliseconds, between which the event loop turns. */
const PIECE = 2 ** 20;

/**
 * Writes the file that `encodeSafetensors` encodes, as `writeFileAtomic` does, piece by piece: nothing holds all of it,
 * and the event loop stays free. The tensors must not change meanwhile.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [name: string, tensor: WrittenTensor]>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const { head, digitsAt, data } = layOut(tensors, metadata);
  return replaceFile(path, async (handle) => {
    const hash = createHash('sha256');
    let position = 0;
    for (const part of [partOf(head), ...data]) {
      for (let first = 0; first < part.byteLength; first += PIECE) {
        const piece = part.slice(first, Math.min(first + PIECE, part.byteLength));
        hash.update(piece);
        await writeAll(handle, piece, position);
        position += piece.length;
      }
    }
    await writeAll(handle, new TextEncoder().encode(hash.digest('hex')), digitsAt);
  });
}

/** The system may write less than it is given. */
async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** The parts of a file: what stands before the data, with zeros for the digits of the checksum, and the data. */
interface Layout {
  readonly head: Uint8Array;
  readonly digitsAt: number;
  readonly data: readonly Part[];
}

/** Bytes that are there, or made when they are asked for; `first` and `end` are even. */
interface Part {
  readonly byteLength: number;
  readonly slice: (first: number, end: number) => Uint8Array;
}

function layOut(
  tensors: Iterable<readonly [name: string, tensor: WrittenTensor]>,
  metadata: Readonly<Record<string, string>>,
): Layout {
  const ordered = [...tensors].sort(([, a], [, b]) => elementBytes(b) - elementBytes(a));
  const header = new TextEncoder().encode(describe(ordered, metadata));
  const dataStart = LENGTH_BYTES + Math.ceil(header.length / ALIGNMENT) * ALIGNMENT;
  if (dataStart - LENGTH_BYTES > MAX_HEADER_BYTES) {
    throw invalid(
      `metadata and names take ${header.length} bytes, more than the ${MAX_HEADER_BYTES} of a file's header`,
    );
  }
  const head = new Uint8Array(dataStart);
  new DataView(head.buffer).setBigUint64(0, BigInt(dataStart - LENGTH_BYTES), true);
  head.fill(0x20, LENGTH_BYTES);
  head.set(header, LENGTH_BYTES);
  const data = ordered.map(([, tensor]) =>
    isCut(tensor) ? partOfCut(tensor.data) : partOf(bytesOf(tensor.data)),
  );
  return { head, digitsAt: LENGTH_BYTES + CHECKSUM_PATH.length, data };
}

function elementBytes(tensor: WrittenTensor): number {
  return ARRAYS[tensor.dtype].BYTES_PER_ELEMENT;
}

function partOf(bytes: Uint8Array): Part {
  return { byteLength: bytes.length, slice: (first, end) => bytes.subarray(first, end) };
}

function partOfCut(floats: CutFloats['data']): Part {
  return {
    byteLength: 2 * floats.length,
    slice: (first, end) => bytesOf(upperHalves(floats.subarray(first / 2, end / 2))),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Tensor['data']): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** What stands before the digits: the checksum is the first entry of the metadata, and they the header's first. */
const CHECKSUM_PATH = `{"${METADATA_KEY}":{"${CHECKSUM_KEY}":"${CHECKSUM_PREFIX}`;

function describe(
  tensors: readonly (readonly [string, WrittenTensor])[],
  metadata: Readonly<Record<string, string>>,
): string {
  const entries = [`"${CHECKSUM_KEY}":"${CHECKSUM_PREFIX}${NO_DIGITS}"`];
  for (const [key, value] of Object.entries(metadata)) {
    if (key === CHECKSUM_KEY)
      throw invalid(`metadata key "${CHECKSUM_KEY}" is the format's own; use another`);
    entries.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  }
  const members = [`"${METADATA_KEY}":{${entries.join(',')}}`];
  const names = new Set<string>();
  let begin = 0;
  for (const [name, tensor] of tensors) {
    const { dtype, shape, data } = tensor;
    const shown = formatValue(name);
    if (names.has(name)) throw invalid(`tensor ${shown} stands twice`);
    if (name === METADATA_KEY || name.includes('\0') || !name.isWellFormed()) {
      throw invalid(`${shown} cannot name a tensor; use text without NUL other than "${METADATA_KEY}"`);
    }
    if (!(isCut(tensor) || data instanceof ARRAYS[dtype]) || countValues(shape) !== data.length) {
      throw invalid(
        `tensor ${shown}: ${data.constructor.name}(${data.length}) is not ${dtype} ${formatValue(shape)}`,
      );
    }
    names.add(name);
    const end = begin + elementBytes(tensor) * data.length;
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
    begin = end;
  }
  return `{${members.join(',')}}`;
}

function invalid(text: string): GradloomError {
  return new GradloomError('INVALID_DATA', `encodeSafetensors: ${text}`);
}

/**
 * The tensors, copied, and the metadata of a file. `fileName` stands in errors.
 *
 * Throws `FILE_FORMAT` with the offset and the field for anything that the format does not allow: a header that is
 * too long (over 16 MiB), no JSON or of other fields; equal names; shapes that do not fit their bytes; gaps, overlaps
 * or bytes left over. Throws `CHECKSUM_MISMATCH` when bytes changed since the file was written.
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  fileName: string,
  options: DecodeOptions = {},
): DecodedFile {
  const header = parseHeader(bytes, fileName);
  const checksum = findChecksum(bytes, fileName, header, options);
  if (checksum !== undefined) checkDigest(fileName, checksum, digest(bytes, checksum.digitsAt));
  return takeTensors(new Uint8Array(bytes), header);
}

/**
 * What `decodeSafetensors` gives of a file, while the event loop stays free. The tensors lie in the file's bytes. `checkHeader` looks at the header before anything else.
 *
 * Rejects as `decodeSafetensors` throws, and with what `readWholeFile` throws.
 */
export async function readSafetensors(
  path: string,
  { checkHeader, ...options }: DecodeOptions & { readonly checkHeader?: (header: Header) => void } = {},
): Promise<DecodedFile> {
  const bytes = await readWholeFile(path);
  const header = parseHeader(bytes, path);
  checkHeader?.(header);
  const checksum = findChecksum(bytes, path, header, options);
  if (checksum !== undefined) checkDigest(path, checksum, await digestInTurns(bytes, checksum.digitsAt));
  return takeTensors(bytes, header);
}

/**
 * The metadata of a file, whose tensors are not read, so that the checksum is not verified. Throws `FILE_FORMAT` as
 * `decodeSafetensors` does.
 */
export function readMetadataSync(path: string): DecodedFile['metadata'] {
  const file = openSync(path, constants.O_RDONLY | AT_ONCE);
  try {
    const status = fstatSync(file);
    checkFile(path, status);
    const length = new BigUint64Array(1);
    readSync(file, length);
    const most = Math.min(status.size, LENGTH_BYTES + MAX_HEADER_BYTES);
    const head = new Uint8Array(Math.min(most, LENGTH_BYTES + Number(length[0])));
    readSync(file, head, 0, head.length, 0);
    return metadataOf(parseHeader(head, path, status.size));
  } finally {
    closeSync(file);
  }
}

function takeTensors(bytes: Uint8Array<ArrayBuffer>, header: Header): DecodedFile {
  const tensors = new Map<string, Tensor>();
  for (const place of header.tensors) tensors.set(place.name, readTensor(bytes, header.dataStart, place));
  return { tensors, metadata: metadataOf(header) };
}

function metadataOf(header: Header): DecodedFile['metadata'] {
  const metadata: Record<string, string> = Object.create(null);
  for (const [key, { value }] of header.metadata) {
    if (key !== CHECKSUM_KEY) metadata[key] = value;
  }
  return Object.freeze(metadata);
}

/** The digest that a file says of itself, within its literal, and where it says so. */
interface Checksum {
  readonly literal: string;
  readonly digitsAt: number;
}

function findChecksum(
  bytes: Uint8Array,
  fileName: string,
  header: Header,
  { checksum: presence = 'required' }: DecodeOptions,
): Checksum | undefined {
  const entry = header.metadata.get(CHECKSUM_KEY);
  if (entry === undefined) {
    if (presence === 'optional') return undefined;
    throw formatError(
      fileName,
      LENGTH_BYTES,
      `metadata has no "${CHECKSUM_KEY}"; a file that another program wrote is read with { checksum: 'optional' }`,
    );
  }
  const begin = header.offsetOf(entry.position);
  const digitsAt = begin + 1 + CHECKSUM_PREFIX.length;
  const literal = new TextDecoder().decode(bytes.subarray(begin, digitsAt + NO_DIGITS.length + 1));
  if (!CHECKSUM.test(literal)) {
    throw formatError(
      fileName,
      begin,
      `"${CHECKSUM_KEY}" must be "${CHECKSUM_PREFIX}" and 64 lower-case digits`,
    );
  }
  return { literal, digitsAt };
}

function checkDigest(fileName: string, { literal }: Checksum, actual: string): void {
  if (literal.includes(actual)) return;
  throw new GradloomError(
    'CHECKSUM_MISMATCH',
    `${fileName}: its contents have checksum ${actual.slice(0, 16)}..., but it says ${literal.slice(8, 24)}...; ` +
      'it changed after it was written: use another copy',
  );
}

/** SHA-256 of a file with the 64 digits at `digitsAt` as zeros. */
function digest(file: Uint8Array, digitsAt: number): string {
  const hash = createHash('sha256');
  for (const piece of piecesOf(file, digitsAt)) hash.update(piece);
  return hash.digest('hex');
}

/** The same, while the event loop stays free. */
async function digestInTurns(file: Uint8Array, digitsAt: number): Promise<string> {
  const hash = createHash('sha256');
  for (const piece of piecesOf(file, digitsAt)) {
    hash.update(piece);
    await setImmediate();
  }
  return hash.digest('hex');
}

function* piecesOf(file: Uint8Array, digitsAt: number): Generator<Uint8Array | string> {
  yield file.subarray(0, digitsAt);
  yield NO_DIGITS;
  for (let first = digitsAt + NO_DIGITS.length; first < file.length; first += PIECE) {
    yield file.subarray(first, first + PIECE);
  }
}

/** Within `bytes` where they are aligned, as files of ours are. */
function readTensor(
  bytes: Uint8Array<ArrayBuffer>,
  dataStart: number,
  { dtype, shape, begin, end }: TensorPlace,
): Tensor {
  const Elements = ARRAYS[dtype];
  const values = bytes.subarray(dataStart + begin, dataStart + end);
  const isAligned = values.byteOffset % Elements.BYTES_PER_ELEMENT === 0;
  const { buffer, byteOffset } = isAligned ? values : new Uint8Array(values);
  const data = new Elements(buffer, byteOffset, (end - begin) / Elements.BYTES_PER_ELEMENT);
  return { dtype, shape, data } as Tensor;
}
