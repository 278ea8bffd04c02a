/** What layers with a table have in common. */
import { integer, oneOf, withDefault } from '../core/options.ts';
import type { TrainableOptions } from './layer.ts';

export interface TableOptions extends TrainableOptions {
  /**
   * How the table is kept in memory. `'bfloat16'` takes half the bytes: sums and the optimizer's accumulators stay float32,
   * and a row that a step has updated is rounded stochastically, so that steps far below a weight's last bit add up in the
   * mean. For `sgd`, `adagrad`, `rowwiseAdagrad` and `ftrl` without `duplicates`; files hold the table in
   * half the bytes too (BF16), and weights that are loaded or set are rounded to nearest. Default: `'float32'`.
   */
  readonly dtype?: 'float32' | 'bfloat16';
}

export const dtype = withDefault(oneOf('float32', 'bfloat16'), 'float32');

export const paddingId = withDefault(integer(-1, 2 ** 31 - 1), -1);

export const tableInitializer = { kind: 'truncatedNormal', standardDeviation: 0.05 } as const;
