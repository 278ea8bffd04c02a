import { GradloomError } from '../core/errors.ts';
import { integer, oneOf, optional, readOptions, readValue, text, withDefault } from '../core/options.ts';
import { lineError } from '../formats/format-error.ts';
import { readLibsvm } from '../formats/libsvm.ts';
import type { Dataset } from './dataset.ts';
import { buildSparse } from './from-sparse.ts';

export interface LibsvmOptions<Label extends 'class' | 'values' = 'class' | 'values'> {
  /** How many features samples have; a test file needs that of its training file. Default: as many as the file names. */
  readonly features?: number;
  /** The number of the first feature: LIBSVM counts from 1, others from 0. Default: 1. */
  readonly firstFeature?: 0 | 1;
  /** `'class'`: the different labels, ascending, are the classes, and their names; `'values'`: numbers to predict. Default: `'class'`. */
  readonly labelKind?: Label;
}

const OPTIONS = {
  features: optional(integer(1, 2 ** 31)),
  firstFeature: withDefault(
    {
      expected: '0 or 1',
      read: (given): 0 | 1 | undefined => (given === 0 || given === 1 ? given : undefined),
    },
    1 as 0 | 1,
  ),
  labelKind: withDefault(oneOf('class', 'values'), 'class'),
};

/** Entries are numbered by 32 bits. */
const MAX_ENTRIES = 2 ** 32 - 1;

/**
 * Sparse samples of a file of LIBSVM or SVMlight: `label feature:value ...` on each line. Labels such as -1 and +1 become the classes
 * 0 and 1, with the names '-1' and '1'.
 *
 * @example
 * const train = await libsvm('rcv1_train.txt');
 * const test = await libsvm('rcv1_test.txt', { features: train.inputShape[0] });
 *
 * Throws `FILE_NOT_FOUND`, `FILE_FORMAT` with the line, and `ID_OUT_OF_RANGE` for a feature beyond `features`.
 */
export async function libsvm<Label extends 'class' | 'values' = 'class'>(
  path: string,
  options: LibsvmOptions<Label> = {},
): Promise<Dataset<readonly [number], Label>> {
  readValue('libsvm', 'path', path, text);
  const { features, firstFeature, labelKind } = readOptions('libsvm', options, OPTIONS);
  const labels: number[] = [];
  const offsets = [0];
  const indices = new Growing((length) => new Uint32Array(length));
  const values = new Growing((length) => new Float32Array(length));
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
        throw new GradloomError(
          'ID_OUT_OF_RANGE',
          `${path}: line ${sample.line}: feature ${number} is beyond the ${features ?? 2 ** 31} features of samples`,
        );
      }
      highest = Math.max(highest, feature);
      indices.push(feature);
      values.push(sample.values[place] as number);
    }
    if (indices.length > MAX_ENTRIES)
      throw lineError(path, sample.line, `the file has more than ${MAX_ENTRIES} entries`);
    labels.push(sample.label);
    offsets.push(indices.length);
  }
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  const numbers = new Map(classes.map((label, place) => [label, place]));
  return buildSparse('libsvm', {
    features: features ?? highest + 1,
    inputs: { offsets: Uint32Array.from(offsets), indices: indices.taken(), values: values.taken() },
    labelKind,
    ...(labelKind === 'values'
      ? { labels: Float32Array.from(labels) }
      : {
          labels: Int32Array.from(labels, (label) => numbers.get(label) as number),
          ...(labels.length === 0 ? {} : { classNames: Object.freeze(classes.map(String)) }),
        }),
  }) as unknown as Dataset<readonly [number], Label>;
}

/** A typed array that doubles when it is full. */
class Growing<Data extends Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>> {
  length = 0;
  readonly #make: (length: number) => Data;
  #data: Data;

  constructor(make: (length: number) => Data) {
    this.#make = make;
    this.#data = make(1024);
  }

  push(value: number): void {
    if (this.length === this.#data.length) {
      const larger = this.#make(2 * this.length);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.length++] = value;
  }

  taken(): Data {
    return this.#data.slice(0, this.length) as Data;
  }
}
