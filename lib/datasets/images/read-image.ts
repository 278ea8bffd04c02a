import { types } from 'node:util';
import { guardedBy, readOptions, readValue } from '../../core/options.ts';
import { decodeImage, loadSharp } from '../../formats/image.ts';
import { IMAGE_OPTIONS, type ImageOptions, toImageFormat } from './image-options.ts';

const source = guardedBy('the path of a picture or its bytes', (given): given is string | Uint8Array =>
  typeof given === 'string' ? given !== '' : types.isUint8Array(given) && given.length > 0,
);

/**
 * One picture, from a file or from bytes (an upload), decoded as `imageFolder` decodes: a raw sample for a model that was
 * trained on such a folder with the same options. Needs the package sharp.
 *
 * @example
 * const { names } = await model.classify(await readImage('cat.jpg', { size: [64, 64] }));
 *
 * Throws `NOT_INSTALLED` when sharp is not there, and `FILE_FORMAT` for what is no picture or a broken one.
 */
export async function readImage(from: string | Uint8Array, options: ImageOptions): Promise<Uint8Array> {
  const given = readValue('readImage', 'from', from, source);
  const format = toImageFormat(readOptions('readImage', options, IMAGE_OPTIONS));
  const name = typeof given === 'string' ? given : 'readImage: the bytes';
  return await decodeImage(await loadSharp('readImage'), given, { name, format });
}
