import { extent, integer, required, withDefault } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { type Initializer, initializer } from './initializer.ts';
import { describeTrainable, type Layer } from './layer.ts';
import { dtype, paddingId, type TableOptions, tableInitializer } from './table.ts';

export interface EmbeddingOptions extends TableOptions {
  /** Rows of the table; ids are 0 to `rows - 1`. */
  readonly rows: number;
  /** Numbers of a row. */
  readonly units: number;
  /** The id that fills up short lists: its row is read, but never trained, as in PyTorch. -1: none. Default: -1. */
  readonly paddingId?: number;
  /** How the table starts. Default: normal with standard deviation 0.05, cut at two of them. */
  readonly weightInitializer?: Initializer;
}

const OPTIONS = {
  rows: required(integer(1, 2 ** 31)),
  units: required(extent),
  paddingId,
  weightInitializer: withDefault(initializer, tableInitializer),
  dtype,
};

/**
 * A row of a table for each id: `y[i] = weight[ids[i]]`. Reads a model's own input: an Int32Array of ids
 * (`fromArrays`). A step updates the rows that it names and touches no others, however large the table is.
 *
 * Input `[n]`, output `[n, units]`; weight `[rows, units]`.
 *
 * @example
 * const model = sequential({ inputShape: [20] }, [embedding({ rows: 5000, units: 16 }), flatten(), dense({ units: 2 })]);
 */
export function embedding(options: EmbeddingOptions): Layer<Shape> {
  return describeTrainable('embedding', options, OPTIONS);
}
