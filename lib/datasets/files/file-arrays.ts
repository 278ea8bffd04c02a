/** Arrays of files as inputs and labels: what is wrong with a value names the file. */
import { GradloomError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { ArrayInFile } from '../../formats/array-in-file.ts';
import type { IdxArray } from '../../formats/idx.ts';
import type { NpyArray } from '../../formats/npy.ts';
import type { NativeMappedRows } from '../../native/index.ts';
import { mapFiles } from '../parts/mapped-inputs.ts';

type FileArray = IdxArray | NpyArray;

/** Samples `[samples, ...]` as inputs: bytes as they are, others as float32, and those that stay in their file mapped. */
export function inputArray(
  array: FileArray | ArrayInFile,
  file: string,
): Float32Array | Uint8Array | NativeMappedRows {
  const [rows = 0, ...extents] = array.shape;
  const size = sizeOf(extents);
  if ('data' in array)
    return array.data instanceof Uint8Array ? array.data : toFloats(array.data, file, size);
  const { path, bytes, offset, type } = array;
  if (rows * size === 0) throw new GradloomError('INVALID_DATA', `${file}: holds no values`);
  const stride = type === 'uint8' ? size : 4 * size;
  return mapFiles({ type, size, stride, planes: 1, files: [{ path, bytes, offset, rows }] });
}

/**
 * As float32, of samples of so many values. What leaves its range is an error, since an infinity would spread through a
 * model without a word.
 */
export function toFloats(data: FileArray['data'], file: string, size: number): Float32Array {
  const floats = data instanceof Float32Array ? data : new Float32Array(data.length);
  for (let i = 0; i < floats.length; i++) {
    const value = Number(data[i]);
    floats[i] = value;
    if (Number.isFinite(floats[i])) continue;
    throw new GradloomError(
      'INVALID_DATA',
      `${file}: value ${i % size} of sample ${Math.floor(i / size)} is ${value}, which is not finite as float32; ` +
        'mend, rescale or drop such samples',
    );
  }
  return floats;
}

/** Classes `[samples]`; `hint` says in errors what else the file could be read as. */
export function toClasses({ shape, data }: FileArray, file: string, hint = ''): Uint8Array | Int32Array {
  if (shape.length !== 1) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${file}: holds an array ${formatShape(shape)}; classes are [samples]${hint}`,
    );
  }
  if (data instanceof Uint8Array) return data;
  const classes = Int32Array.from({ length: data.length }, (_, i) => Number(data[i]));
  const wrong = classes.findIndex((label, i) => label < 0 || label !== Number(data[i]));
  if (wrong < 0) return classes;
  const isClassBelow = classes[wrong] === Number(data[wrong]);
  throw new GradloomError(
    isClassBelow ? 'LABEL_OUT_OF_RANGE' : 'INVALID_DATA',
    `${file}: value ${wrong} is ${data[wrong]}; classes are integers of 32 bits, from 0${hint}`,
  );
}

/** Refuses labels that are not as many as the samples. */
export function checkSameCount(
  inputs: { readonly file: string; readonly count: number },
  labels: { readonly file: string; readonly count: number },
): void {
  if (inputs.count === labels.count) return;
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `${labels.file}: holds labels of ${labels.count} samples, but ${inputs.file} has ${inputs.count}`,
  );
}
