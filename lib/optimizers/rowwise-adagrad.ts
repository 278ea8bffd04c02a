import { divisor, nonNegative, oneOf, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import {
  type CommonOptions,
  describeOptimizer,
  learningRate,
  TABLE_OPTIONS,
  type TableOptions,
} from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface RowwiseAdagradOptions extends CommonOptions, TableOptions {
  /** Default: 0.01. */
  readonly learningRate?: LearningRate;
  /** What every accumulator starts at. Default: 0. */
  readonly initialAccumulator?: number;
  /** Added to the root. Default: 1e-8. */
  readonly epsilon?: number;
  /** Pull towards 0. Default: 0. */
  readonly weightDecay?: number;
  /**
   * `'coupled'` adds `weightDecay * w` to the gradient. `'decoupled'` takes `learningRate * weightDecay * w` off the
   * weight beside it. Default: `'coupled'`.
   */
  readonly weightDecayMode?: 'coupled' | 'decoupled';
}

const OPTIONS = {
  learningRate: learningRate(0.01),
  initialAccumulator: withDefault(nonNegative, 0),
  epsilon: withDefault(divisor, 1e-8),
  weightDecay: withDefault(nonNegative, 0),
  weightDecayMode: withDefault(oneOf('coupled', 'decoupled'), 'coupled'),
  ...TABLE_OPTIONS,
};

/**
 * AdaGrad with one accumulator a row, as FBGEMM and DLRM have it for tables: of a weight `[out, ...]` the values of one
 * output share a rate; of a bias each has its own.
 *
 * ```text
 * s = s + mean(g^2)                     (over the row)
 * w = w - learningRate / (sqrt(s) + epsilon) * g
 * ```
 *
 * Takes a step only when all gradients are known. State: `accumulator`, `[out]`.
 */
export function rowwiseAdagrad(options: RowwiseAdagradOptions = {}): Optimizer {
  return describeOptimizer('rowwiseAdagrad', options, OPTIONS);
}
