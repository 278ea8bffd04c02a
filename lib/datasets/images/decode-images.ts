/** Many pictures from files, several at a time. */
import { availableParallelism } from 'node:os';
import { GradloomError } from '../../core/errors.ts';
import { formatValue, listOf } from '../../core/options.ts';
import { decodeImage, type ImageFormat, type Sharp } from '../../formats/image.ts';

export interface ImageFiles {
  readonly sharp: Sharp;
  readonly files: readonly string[];
  readonly format: ImageFormat;
  /** What a file that is no picture, or a broken one, is: an error, or left out, with a warning of the process. */
  readonly broken: 'error' | 'skip';
}

export interface DecodedImages {
  /** `[files, height, width, channels]`; zeros for files that were left out. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** The places of the files that are pictures. */
  readonly kept: readonly number[];
}

/** At once: each holds a decoded picture of any size. */
const MAX_AT_ONCE = 8;

/** The files of a folder, `path`, which errors and the warning name. Throws `INVALID_DATA` where none is a picture. */
export async function decodeImages(
  operation: string,
  path: string,
  images: ImageFiles,
): Promise<DecodedImages> {
  const { files, format } = images;
  const pixels = allocate(path, files.length, format.height * format.width * format.channels);
  const faults = await decodeAll(images, pixels);
  if (faults.size > 0) warn(operation, path, files.length, [...faults.values()]);
  if (faults.size === files.length)
    throw new GradloomError('INVALID_DATA', `${path}: none of its ${files.length} files is a picture`);
  return { pixels, kept: files.map((_, place) => place).filter((place) => !faults.has(place)) };
}

/** Decodes into `pixels`; gives the errors of files that were left out, by their places. */
async function decodeAll(
  { sharp, files, format, broken }: ImageFiles,
  pixels: Uint8Array,
): Promise<ReadonlyMap<number, GradloomError>> {
  const size = pixels.length / files.length;
  const faults = new Map<number, GradloomError>();
  let next = 0;
  const work = async () => {
    while (next < files.length && (broken === 'skip' || faults.size === 0)) {
      const place = next++;
      const path = files[place] as string;
      try {
        pixels.set(await decodeImage(sharp, path, { name: path, format }), place * size);
      } catch (error) {
        if (!(error instanceof GradloomError)) throw error;
        faults.set(place, error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), MAX_AT_ONCE) }, work));
  // Files are begun in order and all that were begun are finished: the first fault is the same each time.
  const first = faults.get(Math.min(...faults.keys()));
  if (broken === 'error' && first !== undefined) throw first;
  return new Map([...faults].sort(([a], [b]) => a - b));
}

function allocate(path: string, count: number, size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(count * size);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new GradloomError(
      'OUT_OF_MEMORY',
      `${path}: no memory for ${count} pictures of ${size} bytes each; give a smaller size`,
      { cause: error },
    );
  }
}

function warn(operation: string, path: string, count: number, faults: readonly GradloomError[]): void {
  const shown = faults.slice(0, 3).map(({ message }) => message);
  const rest = faults.length - shown.length;
  const list = listOf(rest > 0 ? [...shown, `${rest} more`] : shown);
  process.emitWarning(
    `${operation}: ${formatValue(path)}: left out ${faults.length} of ${count} files: ${list}`,
    {
      type: 'GradloomWarning',
    },
  );
}
