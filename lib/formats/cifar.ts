/**
 * The binary form of CIFAR-10 (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): records
 * of one label byte and the planes of red, green and blue, each 32 rows of 32 bytes. No header, nothing between.
 */
import { openFile, readWholeFile } from './files.ts';
import { formatError } from './format-error.ts';

export const CIFAR_SIDE = 32;
export const CIFAR_CHANNELS = 3;
export const CIFAR10_CLASSES = 10;
const PLANE_BYTES = CIFAR_SIDE * CIFAR_SIDE;
const IMAGE_BYTES = CIFAR_CHANNELS * PLANE_BYTES;
const RECORD_BYTES = 1 + IMAGE_BYTES;
const RECORDS_AT_ONCE = 1024;

export interface Cifar10Records {
  /** `[samples, 32, 32, 3]`, channels last. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** `[samples]`, from 0 to 9. */
  readonly labels: Uint8Array<ArrayBuffer>;
}

/** `fileName` stands in errors. */
export function decodeCifar10(bytes: Uint8Array, fileName: string): Cifar10Records {
  const count = countRecords(bytes.length, fileName);
  const labels = new Uint8Array(count);
  const images = new Uint8Array(count * IMAGE_BYTES);
  for (let record = 0; record < count; record++) {
    const start = record * RECORD_BYTES;
    labels[record] = checkLabel(bytes[start] as number, record, fileName);
    toChannelsLast(
      bytes.subarray(start + 1, start + RECORD_BYTES),
      images.subarray(record * IMAGE_BYTES, (record + 1) * IMAGE_BYTES),
    );
  }
  return { images, labels };
}

function countRecords(bytes: number, fileName: string): number {
  const count = Math.floor(bytes / RECORD_BYTES);
  if (bytes === 0) throw formatError(fileName, 0, 'the file is empty');
  if (bytes % RECORD_BYTES === 0) return count;
  throw formatError(
    fileName,
    bytes,
    `the file ends within record ${count}; each takes ${RECORD_BYTES} bytes (a label and 3 planes of 32 x 32)`,
  );
}

function checkLabel(label: number, record: number, fileName: string): number {
  if (label < CIFAR10_CLASSES) return label;
  throw formatError(
    fileName,
    record * RECORD_BYTES,
    `the label of record ${record} is ${label}; expected 0 to 9`,
  );
}

/** `[3, 32, 32]` to `[32, 32, 3]`. */
function toChannelsLast(planes: Uint8Array, pixels: Uint8Array): void {
  for (let channel = 0; channel < CIFAR_CHANNELS; channel++) {
    for (let pixel = 0; pixel < PLANE_BYTES; pixel++) {
      pixels[pixel * CIFAR_CHANNELS + channel] = planes[channel * PLANE_BYTES + pixel] as number;
    }
  }
}

/**
 * Reads one file of CIFAR-10's binary form, such as `data_batch_1.bin`.
 *
 * Throws `FILE_NOT_FOUND`, and `FILE_FORMAT` with the file, the offset and the record for a file that is not made of
 * whole records with labels from 0 to 9.
 */
export async function readCifar10(path: string): Promise<Cifar10Records> {
  return decodeCifar10(await readWholeFile(path), path);
}

/** Where a file's pictures lie, which stay there: `stride` bytes from one to the next, as planes. */
export interface Cifar10InFile {
  readonly path: string;
  readonly bytes: number;
  readonly offset: number;
  readonly stride: number;
  readonly labels: Uint8Array<ArrayBuffer>;
}

/** Reads the labels alone, piece by piece. Throws what `readCifar10` throws. */
export async function findCifar10(path: string): Promise<Cifar10InFile> {
  const handle = await openFile(path);
  try {
    const { size: bytes } = await handle.stat();
    const labels = new Uint8Array(countRecords(bytes, path));
    const piece = new Uint8Array(RECORDS_AT_ONCE * RECORD_BYTES);
    for (let first = 0; first < labels.length; first += RECORDS_AT_ONCE) {
      await handle.read(piece, 0, piece.length, first * RECORD_BYTES);
      for (let i = 0; i < RECORDS_AT_ONCE && first + i < labels.length; i++) {
        labels[first + i] = checkLabel(piece[i * RECORD_BYTES] as number, first + i, path);
      }
    }
    return { path, bytes, offset: 1, stride: RECORD_BYTES, labels };
  } finally {
    await handle.close();
  }
}
