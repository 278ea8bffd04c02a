import { GradloomError } from '../../core/errors.ts';
import { oneOf, optional, readOptions, required, text } from '../../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import type { ArrayInFile } from '../../formats/array-in-file.ts';
import { findNpy, type NpyArray, readNpy } from '../../formats/npy.ts';
import { type ArraySource, buildDataset } from '../arrays/from-arrays.ts';
import type { Dataset } from '../dataset.ts';
import { type Memory, memoryOption } from '../parts/mapped-inputs.ts';
import { factors } from '../parts/preprocessing.ts';
import { classNames } from '../values/labels.ts';
import { checkSameCount, inputArray, toClasses, toFloats } from './file-arrays.ts';

export interface NpySource<
  Labels extends string | undefined = string | undefined,
  Label extends 'class' | 'values' = 'class' | 'values',
> {
  /**
   * Path of an array `[samples, ...shape of one sample]`, channels last. uint8 stays uint8, other types are read as
   * float32.
   */
  readonly inputs: string;
  /** Path of an array of integer classes `[samples]`, or of target values `[samples, ...]`. Default: no labels. */
  readonly labels?: Labels;
  /** Default: `'class'`. */
  readonly labelKind?: Label;
  /** Names of the classes from 0. Default: none, and as many classes as the highest label says. */
  readonly classNames?: readonly string[];
  /** A model sees `x * scale + shift`: one number, or one for each index of the last axis. Default: 1. */
  readonly scale?: number | readonly number[];
  /** Default: 0. */
  readonly shift?: number | readonly number[];
  /**
   * `'map'`: the inputs, uint8 or float32, stay in their file, which is read where a batch needs it, so that it may be
   * larger than memory; labels are read. Floats are not looked at before. Default: `'copy'`.
   */
  readonly memory?: Memory;
}

const OPTIONS = {
  inputs: required(text),
  labels: optional(text),
  labelKind: optional(oneOf('class', 'values')),
  classNames: optional(classNames),
  scale: optional(factors),
  shift: optional(factors),
  memory: memoryOption,
};

/**
 * A dataset from NPY files of NumPy: one of inputs and one of labels.
 *
 * @example
 * const train = await npy({ inputs: 'x.npy', labels: 'y.npy' });
 *
 * Throws `FILE_NOT_FOUND`; `FILE_FORMAT` with the file, the offset and the field for a file that is not whole and
 * exact, or in Fortran order; `INVALID_DATA` for numbers that are not finite as float32 and classes that are no
 * integers of 32 bits; `SHAPE_MISMATCH` when inputs and labels differ in number; and what `fromArrays` throws.
 */
export async function npy<
  Labels extends string | undefined = undefined,
  Label extends 'class' | 'values' = 'class',
>(source: NpySource<Labels, Label>): Promise<Dataset<Shape, Labels extends string ? Label : 'none'>> {
  const { inputs, labels, labelKind, memory, ...rest } = readOptions('npy', source, OPTIONS);
  if (labels === undefined && labelKind !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `npy: labelKind "${labelKind}" needs labels, the path of a file`,
    );
  }
  const [inputArray, labelArray] = await Promise.all([
    memory === 'map' ? findNpy(inputs) : readNpy(inputs),
    labels === undefined ? undefined : readNpy(labels),
  ]);
  const dataset = buildDataset('npy', {
    ...inputsOf(inputArray, inputs),
    ...labelsOf({ file: inputs, count: inputArray.shape[0] ?? 0 }, labelArray, labels, labelKind),
    ...rest,
  });
  return dataset as Dataset<Shape, Labels extends string ? Label : 'none'>;
}

function inputsOf(array: NpyArray | ArrayInFile, file: string) {
  const { shape } = array;
  const [count, ...inputShape] = shape;
  if (count === undefined || count === 0 || inputShape.length === 0 || inputShape.includes(0)) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${file}: holds an array ${formatShape(shape)}; inputs are [samples, ...], with at least one sample and one value`,
    );
  }
  return { inputs: inputArray(array, file), inputShape };
}

type LabelSource = Pick<ArraySource<Shape>, 'labels' | 'labelKind' | 'labelShape'>;

function labelsOf(
  inputs: { readonly file: string; readonly count: number },
  array: NpyArray | undefined,
  file: string | undefined,
  kind: 'class' | 'values' = 'class',
): LabelSource {
  if (array === undefined || file === undefined) return {};
  const [count = 1, ...labelShape] = array.shape;
  checkSameCount(inputs, { file, count });
  if (kind === 'class') {
    const hint = ', target values need labelKind "values"';
    return { labels: toClasses(array, file, hint), labelKind: kind };
  }
  return {
    labels: toFloats(array.data, file, Math.max(1, sizeOf(labelShape))),
    labelKind: kind,
    ...(labelShape.length === 0 ? {} : { labelShape }),
  };
}
