import { GradloomError } from '../../core/errors.ts';
import { optional, readOptions, required, text } from '../../core/options.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import type { ArrayInFile } from '../../formats/array-in-file.ts';
import { findIdx, type IdxArray, readIdx } from '../../formats/idx.ts';
import type { NativeMappedRows } from '../../native/index.ts';
import { buildDataset } from '../arrays/from-arrays.ts';
import type { Dataset } from '../dataset.ts';
import { type Memory, memoryOption } from '../parts/mapped-inputs.ts';
import { factors } from '../parts/preprocessing.ts';
import { classNames } from '../values/labels.ts';
import { checkSameCount, inputArray, toClasses } from './file-arrays.ts';

export interface IdxSource<Labels extends string | undefined = string | undefined> {
  /**
   * Path of a file of uint8 or float32, plain or gzip: `[samples, features]`, `[samples, height, width]` (read as one
   * channel) or `[samples, height, width, channels]`.
   */
  readonly images: string;
  /** Path of a file of uint8 or int32 classes `[samples]`, plain or gzip. Default: no labels. */
  readonly labels?: Labels;
  /** Names of the classes from 0. Default: none, and as many classes as the highest label says. */
  readonly classNames?: readonly string[];
  /** A model sees `x * scale + shift`: one number, or one for each index of the last axis. Default: 1. */
  readonly scale?: number | readonly number[];
  /** Default: 0. */
  readonly shift?: number | readonly number[];
  /**
   * `'map'`: the images stay in their file, which must not be gzip and is read where a batch needs it, so that it may be
   * larger than memory; labels are read. Floats are not looked at before. Default: `'copy'`.
   */
  readonly memory?: Memory;
}

const OPTIONS = {
  images: required(text),
  labels: optional(text),
  classNames: optional(classNames),
  scale: optional(factors),
  shift: optional(factors),
  memory: memoryOption,
};

/**
 * A dataset from a pair of IDX files.
 *
 * Throws `FILE_NOT_FOUND`; `FILE_FORMAT` with the file, the offset and the field for a file that is not whole and
 * exact; `SHAPE_MISMATCH` when images and labels differ in number; and what `fromArrays` throws.
 */
export async function idx<Labels extends string | undefined = undefined>(
  source: IdxSource<Labels>,
): Promise<Dataset<Shape, Labels extends string ? 'class' : 'none'>> {
  const dataset = await readPair('idx', source);
  return dataset as Dataset<Shape, Labels extends string ? 'class' : 'none'>;
}

/** `idx` under the name of the operation that the user called. */
export async function readPair(operation: string, source: IdxSource): Promise<Dataset> {
  const { images, labels, memory, ...rest } = readOptions(operation, source, OPTIONS);
  const [imageArray, labelArray] = await Promise.all([
    memory === 'map' ? findIdx(images) : readIdx(images),
    labels === undefined ? undefined : readIdx(labels),
  ]);
  const inputs = inputsOf(imageArray, images);
  return buildDataset(operation, {
    ...inputs,
    ...labelsOf({ imageArray, images }, labelArray, labels),
    ...rest,
  });
}

function labelsOf(
  { imageArray, images }: { readonly imageArray: IdxArray | ArrayInFile; readonly images: string },
  array: IdxArray | undefined,
  file: string | undefined,
): { readonly labels?: Uint8Array | Int32Array } {
  if (array === undefined || file === undefined) return {};
  const labels = classesOf(array, file);
  checkSameCount({ file: images, count: imageArray.shape[0] ?? 0 }, { file, count: labels.length });
  return { labels };
}

function inputsOf(
  array: IdxArray | ArrayInFile,
  file: string,
): { inputs: Float32Array | Uint8Array | NativeMappedRows; inputShape: Shape } {
  const { shape } = array;
  const [, ...extents] = shape;
  const type = 'data' in array ? array.data.constructor.name : array.type;
  const isKnown =
    !('data' in array) || array.data instanceof Uint8Array || array.data instanceof Float32Array;
  if (extents.length < 1 || extents.length > 3 || !isKnown) {
    throw new GradloomError(
      'INVALID_DATA',
      `${file}: holds ${type} ${formatShape(shape)}; images are uint8 or float32 of 2 to 4 axes`,
    );
  }
  return { inputs: inputArray(array, file), inputShape: extents.length === 2 ? [...extents, 1] : extents };
}

function classesOf({ shape, data }: IdxArray, file: string): Uint8Array | Int32Array {
  if (shape.length === 1 && (data instanceof Uint8Array || data instanceof Int32Array)) {
    return toClasses({ shape, data }, file);
  }
  throw new GradloomError(
    'INVALID_DATA',
    `${file}: holds ${data.constructor.name} ${formatShape(shape)}; labels are uint8 or int32 of 1 axis`,
  );
}
