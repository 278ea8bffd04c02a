import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { guardedBy, oneOf, optional, readOptions, required, sampleShape } from '../../core/options.ts';
import { formatShape } from '../../core/shape.ts';
import { Dataset, type LabelKind } from '../dataset.ts';
import type { Tuple } from '../operations/map.ts';
import { makePreprocessing } from '../parts/preprocessing.ts';
import type { SparseInputs } from '../parts/sparse-inputs.ts';
import { countRows } from '../parts/stored-inputs.ts';
import { isList } from '../values/copies.ts';
import { classNames, type LabelData, readLabels } from '../values/labels.ts';
import { copyCompressedRows, readSparseSamples, type SparseSample } from '../values/read-sparse.ts';
import { copyWeights, type KindOf } from './from-arrays.ts';

export interface SparseSource<
  Input extends readonly [number],
  Data extends LabelData | undefined = LabelData | undefined,
  Label extends LabelKind = LabelKind,
> {
  /** How many features there are: `[262144]`. A sample names some of them, 0 to `features - 1`. */
  readonly inputShape: Input;
  /** Of each sample the features that are there: `[3, 17]`, each with the value 1, or `{ indices, values }`. */
  readonly samples?: readonly SparseSample[];
  /** In place of `samples` compressed rows (CSR): sample `i` has the entries `offsets[i]` to `offsets[i + 1] - 1`. */
  readonly offsets?: ArrayLike<number>;
  /** The feature of each entry, in any order and also repeated. */
  readonly indices?: ArrayLike<number>;
  /** The value of each entry. Default: 1 for all. */
  readonly values?: ArrayLike<number>;
  /** Integers are classes, one a sample; Float32Array and one array a sample are target values. Default: no labels. */
  readonly labels?: Data;
  /** Reads labels as the other kind, for instance a Uint8Array of targets as `'values'`. */
  readonly labelKind?: Label;
  /** Shape of one sample's target values. Default: `[values / samples]`. */
  readonly labelShape?: readonly number[];
  /** Names of the classes from 0. Default: none, and as many classes as the highest label says. */
  readonly classNames?: readonly string[];
  /** What each sample counts in a loss, as for `fromArrays`. Default: 1 for all. */
  readonly sampleWeights?: Float32Array;
}

const list = guardedBy('a list of numbers', isList);

const OPTIONS = {
  inputShape: required(sampleShape),
  samples: optional(
    guardedBy('an array of samples', (given): given is readonly unknown[] => Array.isArray(given)),
  ),
  offsets: optional(list),
  indices: optional(list),
  values: optional(list),
  labels: optional(guardedBy('a Uint8Array, an Int32Array, a Float32Array or an array', isList)),
  labelKind: optional(oneOf('class', 'values', 'none')),
  labelShape: optional(sampleShape),
  classNames: optional(classNames),
  sampleWeights: optional(guardedBy('a Float32Array', types.isFloat32Array)),
};

/**
 * A dataset of sparse samples, of which only the features that are there are kept: words of texts, categories, hashed
 * columns. `embeddingBag` and `sparseDense` read them at the cost of what is there; other layers see samples with all their
 * zeros.
 *
 * @example
 * const clicks = fromSparse({
 *   inputShape: [1000], samples: [[3, 17, 17], { indices: [5], values: [0.5] }], labels: [0, 1],
 * });
 *
 * Throws `ID_OUT_OF_RANGE` for a feature beyond `inputShape`, and what `fromArrays` throws; the text names the sample.
 */
export function fromSparse<
  const Input extends readonly [number],
  Data extends LabelData | undefined = undefined,
  Label extends LabelKind = KindOf<Data>,
>(source: SparseSource<Input, Data, Label>): Dataset<Tuple<Input>, Label> {
  const options = readOptions('fromSparse', source, OPTIONS);
  const { inputShape, samples, offsets, indices, values, sampleWeights } = options;
  const [features = 0, ...rest] = inputShape;
  if (rest.length > 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `fromSparse: inputShape must be the number of features alone, such as [1000], got ${formatShape(inputShape)}`,
    );
  }
  const isCompressed = offsets !== undefined && indices !== undefined;
  if (
    (samples === undefined) !== isCompressed ||
    (samples !== undefined && (offsets ?? indices ?? values) !== undefined)
  ) {
    throw new GradloomError(
      'INVALID_OPTION',
      'fromSparse: give either samples, or offsets and indices, with or without values',
    );
  }
  const inputs =
    samples === undefined
      ? copyCompressedRows(
          'fromSparse',
          {
            offsets: offsets as ArrayLike<number>,
            indices: indices as ArrayLike<number>,
            values: values as ArrayLike<number> | undefined,
          },
          features,
        )
      : readSparseSamples('fromSparse', 'samples', samples, features);
  return buildSparse('fromSparse', {
    ...options,
    labels: options.labels as LabelData | undefined,
    features,
    inputs,
    sampleWeights,
  }) as Dataset<Tuple<Input>, Label>;
}

interface SparseParts {
  readonly features: number;
  readonly inputs: SparseInputs;
  readonly labels: LabelData | undefined;
  readonly labelKind?: LabelKind | undefined;
  readonly labelShape?: readonly number[] | undefined;
  readonly classNames?: readonly string[] | undefined;
  readonly sampleWeights?: Float32Array | undefined;
}

/** A dataset of sparse samples that were read already, under the name of the operation that the user called. */
export function buildSparse(operation: string, parts: SparseParts): Dataset {
  const { features, inputs, labels, labelKind, labelShape, classNames, sampleWeights } = parts;
  const inputShape = Object.freeze([features]);
  const count = countRows({ inputs, inputShape });
  if (count === 0) {
    throw new GradloomError('INVALID_DATA', `${operation}: there is no sample; a dataset holds at least one`);
  }
  return new Dataset({
    inputShape,
    inputs,
    ...readLabels(operation, { labels, labelKind, labelShape, classNames }, count),
    sampleWeights: copyWeights(operation, sampleWeights, count),
    preprocessing: makePreprocessing(operation, 1, { scale: [1], shift: [0] }),
    rows: undefined,
    table: undefined,
  });
}
