/**
 * The binary form of CIFAR-10 (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009): records
 * of one label byte and the planes of red, green and blue, each 32 rows of 32 bytes. No header, nothing between.
 */
import { readWholeFile } from './files.ts';
import { formatError } from './format-error.ts';

export const CIFAR_SIDE = 32;
export const CIFAR_CHANNELS = 3;
export const CIFAR10_CLASSES = 10;
const PLANE_BYTES = CIFAR_SIDE * CIFAR_SIDE;
const IMAGE_BYTES = CIFAR_CHANNELS * PLANE_BYTES;
const RECORD_BYTES = 1 + IMAGE_BYTES;

export interface Cifar10Records {
  /** `[samples, 32, 32, 3]`, channels last. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** `[samples]`, from 0 to 9. */
  readonly labels: Uint8Array<ArrayBuffer>;
}

/** `fileName` stands in errors. */
export function decodeCifar10(bytes: Uint8Array, fileName: string): Cifar10Records {
  const count = Math.floor(bytes.length / RECORD_BYTES);
  if (bytes.length === 0) throw formatError(fileName, 0, 'the file is empty');
  if (bytes.length % RECORD_BYTES !== 0) {
    throw formatError(
      fileName,
      bytes.length,
      `the file ends within record ${count}; each takes ${RECORD_BYTES} bytes (a label and 3 planes of 32 x 32)`,
    );
  }
  const labels = new Uint8Array(count);
  const images = new Uint8Array(count * IMAGE_BYTES);
  for (let record = 0; record < count; record++) {
    const start = record * RECORD_BYTES;
    const label = bytes[start] as number;
    if (label >= CIFAR10_CLASSES) {
      throw formatError(fileName, start, `the label of record ${record} is ${label}; expected 0 to 9`);
    }
    labels[record] = label;
    toChannelsLast(
      bytes.subarray(start + 1, start + RECORD_BYTES),
      images.subarray(record * IMAGE_BYTES, (record + 1) * IMAGE_BYTES),
    );
  }
  return { images, labels };
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
