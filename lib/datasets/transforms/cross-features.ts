import { GradloomError } from '../../core/errors.ts';
import { boolean, guardedBy, integer, readOptions, readValue, withDefault } from '../../core/options.ts';
import { crossEntries, crossLength, featureOf, type HashedEntry } from '../../text/feature-hash.ts';
import { buildSparse } from '../arrays/from-sparse.ts';
import { Dataset, type LabelKind, partsOf } from '../dataset.ts';
import { compact } from '../operations/concat.ts';
import type { DatasetParts } from '../parts/dataset-parts.ts';
import { isSparse } from '../parts/stored-inputs.ts';
import { SparseRowsBuilder } from '../sparse/sparse-rows-builder.ts';

export interface CrossOptions {
  /** How many features crosses are hashed to. Default: 262144. */
  readonly features?: number;
  /** Half of the crosses count negatively, so that those that share a feature cancel out on average. Default: true. */
  readonly signed?: boolean;
}

const OPTIONS = {
  features: withDefault(integer(1, 2 ** 31), 2 ** 18),
  signed: withDefault(boolean, true),
};

const datasets = guardedBy(
  'an array of two or more datasets of ids or sparse samples',
  (given): given is readonly Dataset<readonly number[], LabelKind>[] =>
    Array.isArray(given) && given.length > 1 && [...given].every((each) => each instanceof Dataset),
);

/** Beyond this the crosses of one sample are a mistake. */
const MAX_CROSSED = 2 ** 20;

/**
 * The features of several datasets crossed: sample `i` has one feature for each choice of one entry of sample `i` of each, an id or a sparse
 * feature, at a number that is MurmurHash3 of theirs; its value is the product of theirs. What a linear model cannot see of features by
 * themselves it learns of their crosses: the `wide` part of `wideAndDeep`.
 *
 * @example
 * const pairs = crossFeatures([users, genres], { features: 2 ** 20 });
 * const data = fromInputs({ inputs: { users, genres, pairs }, labels });
 *
 * Throws `SHAPE_MISMATCH` for datasets of different lengths, `INVALID_DATA` for one of dense values and for a sample of more than
 * 1,048,576 crosses.
 */
export function crossFeatures(
  given: readonly Dataset<readonly number[], LabelKind>[],
  options: CrossOptions = {},
): Dataset<readonly [number], 'none'> {
  const { features, signed } = readOptions('crossFeatures', options, OPTIONS);
  const parts = readValue('crossFeatures', 'datasets', given, datasets).map((each) => {
    const all = partsOf(each, 'crossFeatures');
    return all.rows === undefined ? all : compact(all);
  });
  const [{ length } = { length: 0 }] = given;
  const other = given.findIndex((each) => each.length !== length);
  if (other >= 0) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `crossFeatures: datasets[${other}] has ${given[other]?.length} samples, datasets[0] has ${length}`,
    );
  }
  const readers = parts.map(entriesOf);
  const builder = new SparseRowsBuilder();
  for (let sample = 0; sample < length; sample++) {
    const lists = readers.map((read) => read(sample));
    if (crossLength(lists) > MAX_CROSSED) {
      throw new GradloomError(
        'INVALID_DATA',
        `crossFeatures: sample ${sample} has ${crossLength(lists)} crosses, more than ${MAX_CROSSED}`,
      );
    }
    for (const { hash, value } of crossEntries(lists)) {
      builder.add(featureOf(hash, features), signed && hash < 0 ? -value : value);
    }
    builder.endSample('crossFeatures', sample);
  }
  return buildSparse('crossFeatures', {
    features,
    inputs: builder.taken(),
    labels: undefined,
  }) as unknown as Dataset<readonly [number], 'none'>;
}

/** What a sample names: an id or a feature in the place of a hash, with its value. */
function entriesOf(
  { inputs, inputShape }: DatasetParts,
  place: number,
): (sample: number) => readonly HashedEntry[] {
  if (isSparse(inputs)) {
    const { offsets, indices, values } = inputs;
    return (sample) => {
      const first = offsets[sample] as number;
      const ids = Array.from(indices.subarray(first, offsets[sample + 1]));
      return ids.map((hash, i) => ({ hash, value: values?.[first + i] ?? 1 }));
    };
  }
  if (inputs instanceof Int32Array) {
    const size = inputShape.reduce((product, extent) => product * extent, 1);
    return (sample) => {
      const ids = Array.from(inputs.subarray(sample * size, (sample + 1) * size));
      return ids.map((hash) => ({ hash, value: 1 }));
    };
  }
  throw new GradloomError(
    'INVALID_DATA',
    `crossFeatures: datasets[${place}] has dense values; expected ids (an Int32Array) or sparse samples (fromSparse)`,
  );
}
