import { oneOf, optional, readOptions, readValue, text, withDefault } from '../../core/options.ts';
import { loadSharp } from '../../formats/image.ts';
import { buildDataset } from '../arrays/from-arrays.ts';
import type { Dataset } from '../dataset.ts';
import { classNames } from '../values/labels.ts';
import { decodeImages } from './decode-images.ts';
import { listImages } from './image-list.ts';
import { IMAGE_OPTIONS, type ImageOptions, type ImageSize, toImageFormat } from './image-options.ts';

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
  const paths = files.map((file) => file.path);
  const { pixels, kept } = await decodeImages('imageFolder', path, { sharp, files: paths, format, broken });
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
