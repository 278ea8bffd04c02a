import { formatValue } from '../core/options.ts';
import { formatError } from './format-error.ts';
import { JsonCursor } from './json-cursor.ts';
import { ARRAYS, countValues, type DataType, isDataType } from './tensor.ts';

/** The header's length stands before it, in this many bytes. */
export const LENGTH_BYTES = 8;
export const METADATA_KEY = '__metadata__';
export const MAX_HEADER_BYTES = 2 ** 24;

/** One tensor of the header; `begin` and `end` are offsets in bytes from the start of the data. */
export interface TensorPlace {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A string of the metadata, and where in the header's text its literal begins. */
export interface MetadataEntry {
  readonly value: string;
  readonly position: number;
}

export interface Header {
  readonly dataStart: number;
  /** In the order of their data, which they fill without a gap. */
  readonly tensors: readonly TensorPlace[];
  readonly metadata: ReadonlyMap<string, MetadataEntry>;
  /** The offset in the file of a position in the header's text. Walks the text up to there. */
  readonly offsetOf: (position: number) => number;
}

/** A tensor as it stands in the header, with the place of its own entry for errors. */
type TensorEntry = TensorPlace & { readonly fail: (text: string) => Error };

/** `bytes` may end behind the header, of a file of `fileBytes`. */
export function parseHeader(bytes: Uint8Array, fileName: string, fileBytes = bytes.length): Header {
  const { text, dataStart } = readText(bytes, fileName, fileBytes);
  const offsetOf = (position: number) => LENGTH_BYTES + Buffer.byteLength(text.slice(0, position));
  const cursor = new JsonCursor(text, (position, message) =>
    formatError(fileName, offsetOf(position), message),
  );

  const entries: TensorEntry[] = [];
  let metadata: ReadonlyMap<string, MetadataEntry> = new Map();
  if (!text.startsWith('{')) throw formatError(fileName, LENGTH_BYTES, 'the header must begin with "{"');
  for (const key of cursor.keys('in the header')) {
    if (key === METADATA_KEY) metadata = readMetadata(cursor);
    else entries.push(readEntry(cursor, key));
  }
  cursor.expectEnd('in the header');

  const tensors = entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkPlaces(tensors, fileBytes - dataStart, (message) => formatError(fileName, fileBytes, message));
  return { dataStart, tensors, metadata, offsetOf };
}

function readText(
  bytes: Uint8Array,
  fileName: string,
  fileBytes: number,
): { text: string; dataStart: number } {
  if (bytes.length < LENGTH_BYTES) {
    throw formatError(
      fileName,
      bytes.length,
      `the file ends within the header's length (${LENGTH_BYTES} bytes)`,
    );
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    const fault =
      otherFault(bytes) ??
      textFault(bytes) ??
      `the header's length ${length} exceeds the limit of ${MAX_HEADER_BYTES} bytes`;
    throw formatError(fileName, 0, fault);
  }
  const dataStart = LENGTH_BYTES + Number(length);
  if (dataStart > fileBytes) {
    throw formatError(fileName, 0, `the header's length ${length} goes beyond the file's ${fileBytes} bytes`);
  }
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return { text: decoder.decode(bytes.subarray(LENGTH_BYTES, dataStart)), dataStart };
  } catch {
    throw formatError(fileName, LENGTH_BYTES, 'the header is not UTF-8');
  }
}

const FROM_PYTORCH =
  'of a PyTorch model safetensors.torch.save_file(model.state_dict(), path) writes one, which model.loadPyTorch reads';
const FROM_ARRAYS =
  'of arrays by name safetensors.numpy.save_file(arrays, path) writes one, which model.loadWeights reads';
/** How files of other kinds begin, and what to do about them. */
const OTHERS: readonly { readonly start: Uint8Array; readonly kind: string; readonly remedy: string }[] = [
  {
    start: Uint8Array.of(0x50, 0x4b, 0x03, 0x04),
    kind: 'a ZIP archive, such as torch.save, NumPy (.npz) and Keras (.keras) write',
    remedy: `${FROM_PYTORCH}, ${FROM_ARRAYS}`,
  },
  // In the protocols 2 to 5.
  ...[2, 3, 4, 5].map((protocol) => ({
    start: Uint8Array.of(0x80, protocol),
    kind: 'pickled Python, such as torch.save wrote',
    remedy: FROM_PYTORCH,
  })),
  {
    start: Uint8Array.of(0x89, 0x48, 0x44, 0x46),
    kind: 'an HDF5 file, such as Keras (.h5) writes',
    remedy: FROM_ARRAYS,
  },
];

/** What is wrong with a file of another kind, by its first bytes. */
function otherFault(bytes: Uint8Array): string | undefined {
  const other = OTHERS.find(({ start }) => start.every((byte, place) => bytes[place] === byte));
  return other && `this is ${other.kind}, and no safetensors file; ${other.remedy}`;
}

/** What is wrong with a file that begins as a text where the header's length should stand. */
function textFault(bytes: Uint8Array): string | undefined {
  const start = new TextDecoder().decode(bytes.subarray(0, LENGTH_BYTES), { stream: true });
  // Control characters but tabs and ends of lines, and what stands for bytes that are no UTF-8.
  if (/[^\P{Cc}\t\r\n]|\ufffd/u.test(start)) return undefined;
  return (
    `this is a text that begins with ${formatValue(start)}, and no safetensors file; ` +
    'tables are read by csv and readCsv, word vectors by loadWordVectors'
  );
}

function readMetadata(cursor: JsonCursor): Map<string, MetadataEntry> {
  const metadata = new Map<string, MetadataEntry>();
  const where = `in "${METADATA_KEY}"`;
  for (const key of cursor.keys(where)) {
    const { position } = cursor;
    metadata.set(key, { value: cursor.string(where), position });
  }
  return metadata;
}

/** The entry of one tensor: exactly the fields `dtype`, `shape` and `data_offsets`. */
function readEntry(cursor: JsonCursor, name: string): TensorEntry {
  const start = cursor.position;
  const tensor = `tensor ${formatValue(name)}`;
  const where = `in ${tensor}`;
  const fail = (text: string) => cursor.error(`${tensor}: ${text}`, start);
  if (name.includes('\0')) throw fail('a name must not hold NUL');

  let dtype: string | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  for (const field of cursor.keys(where)) {
    if (field === 'dtype') dtype = cursor.string(where);
    else if (field === 'shape') shape = Object.freeze(cursor.integers(`in the shape of ${tensor}`));
    else if (field === 'data_offsets') offsets = cursor.integers(`in the data_offsets of ${tensor}`);
    else throw fail(`unknown field ${formatValue(field)}; the format has dtype, shape and data_offsets`);
  }
  if (dtype === undefined) throw fail('dtype is missing');
  if (shape === undefined) throw fail('shape is missing');
  if (offsets === undefined) throw fail('data_offsets is missing');
  if (!isDataType(dtype))
    throw fail(`unknown dtype ${formatValue(dtype)}; known are ${Object.keys(ARRAYS).join(', ')}`);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2 || end < begin) {
    throw fail(`data_offsets must be [begin, end] with begin <= end, got ${formatValue(offsets)}`);
  }
  return { name, dtype, shape, begin, end, fail };
}

/** The data must be filled from the first byte to the last, each tensor with as many bytes as its shape needs. */
function checkPlaces(
  sorted: readonly TensorEntry[],
  dataBytes: number,
  failAtEnd: (text: string) => Error,
): void {
  let filled = 0;
  for (const { dtype, shape, begin, end, fail } of sorted) {
    if (begin !== filled) {
      const fault = begin < filled ? 'an overlap' : 'a gap';
      throw fail(`data_offsets begin at ${begin}, but the data before end at ${filled}: ${fault}`);
    }
    const count = countValues(shape);
    if (count === undefined) throw fail(`shape ${formatValue(shape)} has more values than can be addressed`);
    const needed = count * ARRAYS[dtype].BYTES_PER_ELEMENT;
    if (end - begin !== needed) {
      throw fail(
        `data_offsets span ${end - begin} bytes, but ${dtype} ${formatValue(shape)} takes ${needed}`,
      );
    }
    if (end > dataBytes)
      throw fail(`data_offsets end at ${end}, but the file holds ${dataBytes} bytes of data`);
    filled = end;
  }
  if (filled !== dataBytes)
    throw failAtEnd(`the file holds ${dataBytes} bytes of data, its tensors take ${filled}`);
}
