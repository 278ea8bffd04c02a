import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { formatValue, type Rule } from '../../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import type { DatasetParts, LabelKind } from '../parts/dataset-parts.ts';
import { checkPresent, copyFloats, flattenSamples, isList } from './copies.ts';

export type LabelData =
  | Uint8Array
  | Int32Array
  | Float32Array
  | readonly number[]
  | readonly ArrayLike<number>[];

export interface LabelOptions {
  readonly labels: LabelData | undefined;
  readonly labelKind: LabelKind | undefined;
  readonly labelShape: Shape | undefined;
  readonly classNames: readonly string[] | undefined;
}

type LabelParts = Pick<DatasetParts, 'labelKind' | 'labelShape' | 'labels' | 'classCount' | 'classNames'>;

/** A class beyond this is an identifier, not a class: counts by class could not be held. */
const MAX_CLASS = 2 ** 24 - 1;

export const classNames: Rule<readonly string[]> = {
  expected: 'an array of different strings',
  read: (given) =>
    Array.isArray(given) &&
    given.length > 0 &&
    [...given].every((name) => typeof name === 'string') &&
    new Set(given).size === given.length
      ? Object.freeze([...given])
      : undefined,
};

/** Checks and copies the labels of `count` samples. */
export function readLabels(operation: string, options: LabelOptions, count: number): LabelParts {
  const { labels } = options;
  const labelKind = options.labelKind ?? kindOf(labels);
  const fail = (text: string) => new GradloomError('INVALID_OPTION', `${operation}: ${text}`);
  if (options.classNames !== undefined && labelKind !== 'class') {
    throw fail(`classNames need class labels, but labelKind is "${labelKind}"`);
  }
  if (options.labelShape !== undefined && labelKind !== 'values') {
    throw fail(`labelShape needs labels of values, but labelKind is "${labelKind}"`);
  }
  if (labelKind === 'none') {
    if (labels !== undefined) throw fail('labelKind is "none", but there are labels; leave one of them out');
    return {
      labelKind,
      labelShape: Object.freeze([]),
      labels: undefined,
      classCount: 0,
      classNames: undefined,
    };
  }
  if (labels === undefined) throw fail(`labelKind is "${labelKind}", but labels is missing`);
  checkPresent(operation, 'labels', labels);
  return labelKind === 'class'
    ? readClasses(operation, labels, options.classNames, count)
    : readValues(operation, labels, options.labelShape, count);
}

/** What labels are taken for unless they are said to be something else. */
export function kindOf(labels: LabelData | undefined): LabelKind {
  if (labels === undefined) return 'none';
  return types.isFloat32Array(labels) || isList(labels[0]) ? 'values' : 'class';
}

function readClasses(
  operation: string,
  given: LabelData,
  names: readonly string[] | undefined,
  count: number,
): LabelParts {
  if (given.length !== count)
    throw countError(operation, given.length, `one class for each of ${count} samples`);
  const labels = copyClasses(operation, given);
  const limit = names === undefined ? MAX_CLASS : names.length - 1;
  const index = labels.findIndex((label) => label < 0 || label > limit);
  if (index >= 0) {
    const bound = names === undefined ? '' : `, the last of classNames`;
    throw new GradloomError(
      'LABEL_OUT_OF_RANGE',
      `${operation}: labels[${index}] is ${labels[index]}; classes are integers from 0 to ${limit}${bound}`,
    );
  }
  const classCount = names?.length ?? highestOf(labels) + 1;
  return { labelKind: 'class', labelShape: Object.freeze([]), labels, classCount, classNames: names };
}

function copyClasses(operation: string, given: LabelData): Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  if (types.isUint8Array(given)) return new Uint8Array(given);
  if (types.isInt32Array(given)) return new Int32Array(given);
  return Int32Array.from({ length: given.length }, (_, i) => {
    const label: unknown = given[i];
    if (Number.isInteger(label) && (label as number) >= -(2 ** 31) && (label as number) < 2 ** 31)
      return label as number;
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: labels[${i}] must be a class, an integer from 0, got ${formatValue(label)}; ` +
        'for target values give a Float32Array, an array for each sample or labelKind "values"',
    );
  });
}

function highestOf(labels: Int32Array | Uint8Array): number {
  let highest = 0;
  for (const label of labels) highest = Math.max(highest, label);
  return highest;
}

function readValues(
  operation: string,
  given: LabelData,
  givenShape: Shape | undefined,
  count: number,
): LabelParts {
  const firstRow = types.isTypedArray(given) ? undefined : given[0];
  const isRows = isList(firstRow);
  if (isRows && given.length !== count) {
    throw countError(operation, given.length, `one row for each of ${count} samples`);
  }
  const labels = isRows
    ? flattenSamples(
        operation,
        'labels',
        given as readonly unknown[],
        givenShape ?? [Math.max(1, firstRow.length)],
      )
    : copyFloats(operation, 'labels', given, Math.max(1, Math.floor(given.length / count)));
  const labelShape = givenShape ?? Object.freeze([labels.length / count]);
  if (!Number.isInteger(labels.length / count) || labels.length !== count * sizeOf(labelShape)) {
    const each = givenShape === undefined ? 'equally many' : `the values of ${formatShape(givenShape)}`;
    throw countError(operation, labels.length, `${each} for each of ${count} samples`);
  }
  return { labelKind: 'values', labelShape, labels, classCount: 0, classNames: undefined };
}

function countError(operation: string, got: number, expected: string): GradloomError {
  return new GradloomError('SHAPE_MISMATCH', `${operation}: labels has ${got} values; expected ${expected}`);
}
