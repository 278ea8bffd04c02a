import { extent, integer, oneOf, required, withDefault } from '../core/options.ts';
import { type Initializer, initializer } from './initializer.ts';
import { describeTrainable, type Layer } from './layer.ts';
import { dtype, paddingId, type TableOptions, tableInitializer } from './table.ts';

export interface EmbeddingBagOptions<Units extends number = number> extends TableOptions {
  /** Numbers of a row, and so of the output. */
  readonly units: Units;
  /**
   * `'sum'`: of the rows that a sample names, each times its value; `'mean'`: that sum divided by their number;
   * `'max'`: the largest of each column, whatever the values are. Default: `'mean'`.
   */
  readonly pooling?: 'sum' | 'mean' | 'max';
  /**
   * Rows of the table, when samples are lists of as many ids as the input has (an Int32Array). 0: samples are sparse
   * (`fromSparse`), lists of any length, and each of the input's features has a row. Default: 0.
   */
  readonly rows?: number;
  /** This id is left out wherever it stands, as in PyTorch. -1: none. Default: -1. */
  readonly paddingId?: number;
  /** How the table starts. Default: normal with standard deviation 0.05, cut at two of them. */
  readonly weightInitializer?: Initializer;
}

const OPTIONS = {
  units: required(extent),
  pooling: withDefault(oneOf('sum', 'mean', 'max'), 'mean'),
  rows: withDefault(integer(0, 2 ** 31), 0),
  paddingId,
  weightInitializer: withDefault(initializer, tableInitializer),
  dtype,
};

/**
 * The rows of a table that a sample names, pooled into one: a text by its words, a user by what was bought. Zeros for a
 * sample that names none. Reads a model's own input. A step updates the rows that it names and touches no others.
 *
 * Input `[features]` of sparse samples, or `[n]` ids with `rows`; output `[units]`; weight `[features or rows, units]`.
 *
 * @example
 * const model = sequential({ inputShape: [262144] }, [embeddingBag({ units: 16 }), dense({ units: 2 })]);
 */
export function embeddingBag<const Units extends number>(
  options: EmbeddingBagOptions<Units>,
): Layer<readonly [Units]> {
  return describeTrainable('embeddingBag', options, OPTIONS);
}
