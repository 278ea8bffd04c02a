import { GradloomError } from '../../core/errors.ts';
import {
  formatValue,
  guardedBy,
  integer,
  listOf,
  oneOf,
  optional,
  type Rule,
  readOptions,
  readValue,
  text,
  withDefault,
} from '../../core/options.ts';
import type { Shape } from '../../core/shape.ts';
import { lineError } from '../../formats/format-error.ts';
import { readLibsvm } from '../../formats/libsvm.ts';
import { buildSparse } from '../arrays/from-sparse.ts';
import { Dataset, partsOf } from '../dataset.ts';
import { SparseRowsBuilder } from './sparse-rows-builder.ts';

export interface LibsvmOptions<Label extends 'class' | 'values' = 'class' | 'values'> {
  /** How many features samples have; a test file needs that of its training file. Default: as many as the file names. */
  readonly features?: number;
  /** The number of the first feature: LIBSVM counts from 1, others from 0. Default: 1. */
  readonly firstFeature?: 0 | 1;
  /** `'class'`: the different labels, ascending, are the classes, and their names; `'values'`: numbers to predict. Default: `'class'`. */
  readonly labelKind?: Label;
  /**
   * The dataset of a training file, or a model that was trained on one: features, what they count from and classes are
   * taken from it. Default: as the file has them.
   */
  readonly like?: LibsvmLike;
  /**
   * What a feature is that `like` or `features` has no room for: an error, or left out, with one warning of the process
   * (`process.emitWarning`) that says how many values there were. Default: `'error'`.
   */
  readonly unknown?: 'error' | 'missing';
}

/** What data sets and models know of the file that they come from. */
export interface LibsvmLike {
  readonly inputShape: Shape;
  readonly firstFeature: 0 | 1 | undefined;
  readonly classNames: readonly string[] | undefined;
}

export const firstFeature: Rule<0 | 1> = {
  expected: '0 or 1',
  read: (given) => (given === 0 || given === 1 ? given : undefined),
};

const isLike = (given: unknown): given is LibsvmLike =>
  typeof given === 'object' && given !== null && 'inputShape' in given && isShape(given.inputShape);
const isShape = (given: unknown) => Array.isArray(given) && given.length === 1;

export const likeSparse = guardedBy('a dataset of samples [features], or a model that takes them', isLike);

const OPTIONS = {
  features: optional(integer(1, 2 ** 31)),
  firstFeature: optional(firstFeature),
  labelKind: withDefault(oneOf('class', 'values'), 'class'),
  like: optional(likeSparse),
  unknown: withDefault(oneOf('error', 'missing'), 'error'),
};

/**
 * Sparse samples of a file of LIBSVM or SVMlight: `label feature:value ...` on each line. Labels such as -1 and +1 become the classes
 * 0 and 1, with the names '-1' and '1'.
 *
 * @example
 * const train = await libsvm('rcv1_train.txt');
 * const test = await libsvm('rcv1_test.txt', { like: train });
 *
 * Throws `FILE_NOT_FOUND`, `FILE_FORMAT` with the line, `ID_OUT_OF_RANGE` for a feature beyond `features`, and `INVALID_DATA`
 * for a label that is no class of `like`.
 */
export async function libsvm<Label extends 'class' | 'values' = 'class'>(
  path: string,
  options: LibsvmOptions<Label> = {},
): Promise<Dataset<readonly [number], Label>> {
  readValue('libsvm', 'path', path, text);
  const given = readOptions('libsvm', options, OPTIONS);
  const { labelKind, like, unknown } = given;
  const features = given.features ?? like?.inputShape[0];
  const firstFeature = given.firstFeature ?? like?.firstFeature ?? 1;
  const known = labelKind === 'class' ? like?.classNames : undefined;
  const labels: number[] = [];
  let beyond = 0;
  const builder = new SparseRowsBuilder();
  let highest = 0;
  for await (const sample of readLibsvm(path)) {
    for (const [place, number] of sample.indices.entries()) {
      const feature = number - firstFeature;
      if (feature < 0) {
        throw lineError(
          path,
          sample.line,
          'feature 0 does not exist where features count from 1; give { firstFeature: 0 }',
        );
      }
      if (feature >= (features ?? 2 ** 31)) {
        if (unknown === 'missing') {
          beyond++;
          continue;
        }
        throw new GradloomError(
          'ID_OUT_OF_RANGE',
          `${path}: line ${sample.line}: feature ${number} is beyond the ${features ?? 2 ** 31} features of samples`,
        );
      }
      highest = Math.max(highest, feature);
      builder.add(feature, sample.values[place] as number);
    }
    if (known?.includes(`${sample.label}`) === false) {
      throw new GradloomError(
        'INVALID_DATA',
        `${path}: line ${sample.line}: the label ${sample.label} is none of the classes ${listOf(known)}`,
      );
    }
    builder.endSample(path, sample.line);
    labels.push(sample.label);
  }
  if (beyond > 0) {
    const all = builder.entries + beyond;
    process.emitWarning(
      `libsvm: ${formatValue(path)}: left out ${beyond} of ${all} values, of features beyond the ${features} of samples`,
      { type: 'GradloomWarning' },
    );
  }
  const classes = known?.map(Number) ?? [...new Set(labels)].sort((a, b) => a - b);
  const numbers = new Map(classes.map((label, place) => [label, place]));
  const dataset = buildSparse('libsvm', {
    features: features ?? highest + 1,
    inputs: builder.taken(),
    labelKind,
    ...(labelKind === 'values'
      ? { labels: Float32Array.from(labels) }
      : {
          labels: Int32Array.from(labels, (label) => numbers.get(label) as number),
          ...(labels.length === 0 ? {} : { classNames: Object.freeze(classes.map(String)) }),
        }),
  });
  return new Dataset({ ...partsOf(dataset), firstFeature }) as unknown as Dataset<readonly [number], Label>;
}
