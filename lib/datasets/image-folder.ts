import { availableParallelism } from 'node:os';
import { GradloomError } from '../core/errors.ts';
import {
  formatValue,
  listOf,
  oneOf,
  optional,
  readOptions,
  readValue,
  text,
  withDefault,
} from '../core/options.ts';
import { decodeImage, type ImageFormat, loadSharp, type Sharp } from '../formats/image.ts';
import type { Dataset } from './dataset.ts';
import { buildDataset } from './from-arrays.ts';
import { type ImageFile, listImages } from './image-list.ts';
import { IMAGE_OPTIONS, type ImageOptions, type ImageSize, toImageFormat } from './image-options.ts';
import { classNames } from './labels.ts';

export interface ImageFolderOptions<Size extends ImageSize = ImageSize, Channels extends 1 | 3 = 1 | 3>
  extends ImageOptions<Size, Channels> {
  /** The folders that are read, in the order of their classes. Default: all, by name. */
  readonly classNames?: readonly string[];
  /**
   * What a file that is no picture, or a broken one, is: an error, or left out, with one warning of the process
   * (`process.emitWarning`) that says how many there were and which came first. Default: `'error'`.
   */
  readonly broken?: 'error' | 'skip';
}

const OPTIONS = {
  ...IMAGE_OPTIONS,
  classNames: optional(classNames),
  broken: withDefault(oneOf('error', 'skip'), 'error'),
};

/** At once: each holds a decoded picture of any size. */
const MAX_AT_ONCE = 8;

/**
 * A folder of pictures by class as a dataset `[height, width, channels]`: each folder in it is a class, each file in that,
 * at any depth, a sample. Classes and files are in the order of their names by character, as in torchvision's
 * `ImageFolder`; names that begin with a dot, and files beside the folders, are left aside. The pixels stay uint8; a model
 * sees them divided by 255. What sharp decodes is read (JPEG, PNG, WebP, GIF, AVIF, TIFF, ...): as sRGB, upright by EXIF,
 * alpha dropped, grey repeated for 3 channels.
 *
 * Needs the package sharp: `npm install sharp`.
 *
 * @example
 * const train = await imageFolder('pets/train', { size: [64, 64] });
 * const test = await imageFolder('pets/test', { size: [64, 64], classNames: train.classNames });
 *
 * Throws `NOT_INSTALLED` when sharp is not there; `FILE_NOT_FOUND`; `FILE_FORMAT` with the path for a file that is no
 * picture or a broken one; `INVALID_DATA` for a folder without classes and a class without pictures;
 * `INVALID_OPTION` for a name in `classNames` that no folder has.
 */
export async function imageFolder<const Size extends ImageSize, Channels extends 1 | 3 = 3>(
  path: string,
  options: ImageFolderOptions<Size, Channels>,
): Promise<Dataset<[Size[0], Size[1], Channels], 'class'>> {
  readValue('imageFolder', 'path', path, text);
  const { classNames: chosen, broken, ...image } = readOptions('imageFolder', options, OPTIONS);
  const format = toImageFormat(image);
  const sharp = await loadSharp('imageFolder');
  const { names, files } = await listImages(path, chosen);
  const { height, width, channels } = format;
  const pixels = allocate(path, files.length, height * width * channels);
  const faults = await decodeAll(sharp, files, { format, pixels, broken });
  const kept = files.map((_, place) => place).filter((place) => !faults.has(place));
  if (faults.size > 0) warn(path, files.length, [...faults.values()]);
  if (kept.length === 0)
    throw new GradloomError('INVALID_DATA', `${path}: none of ${files.length} files is a picture`);
  const dataset = buildDataset('imageFolder', {
    inputs: pixels,
    inputShape: [height, width, channels],
    labels: Int32Array.from(files, ({ label }) => label),
    classNames: names,
    scale: 1 / 255,
  });
  return (kept.length === files.length ? dataset : dataset.select(kept)) as Dataset<
    [Size[0], Size[1], Channels],
    'class'
  >;
}

/** Decodes into `pixels`; gives the errors of files that were left out, by their places. */
async function decodeAll(
  sharp: Sharp,
  files: readonly ImageFile[],
  {
    format,
    pixels,
    broken,
  }: { readonly format: ImageFormat; readonly pixels: Uint8Array; readonly broken: 'error' | 'skip' },
): Promise<ReadonlyMap<number, GradloomError>> {
  const size = pixels.length / files.length;
  const faults = new Map<number, GradloomError>();
  let next = 0;
  const work = async () => {
    while (next < files.length && (broken === 'skip' || faults.size === 0)) {
      const place = next++;
      const { path } = files[place] as ImageFile;
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

function allocate(path: string, count: number, size: number): Uint8Array {
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

function warn(path: string, count: number, faults: readonly GradloomError[]): void {
  const shown = faults.slice(0, 3).map(({ message }) => message);
  const rest = faults.length - shown.length;
  const list = listOf(rest > 0 ? [...shown, `${rest} more`] : shown);
  process.emitWarning(
    `imageFolder: ${formatValue(path)}: left out ${faults.length} of ${count} files: ${list}`,
    {
      type: 'GradloomWarning',
    },
  );
}
