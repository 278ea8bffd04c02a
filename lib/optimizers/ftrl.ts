import { divisor, nonNegative, withDefault } from '../core/options.ts';
import { type CommonOptions, describeOptimizer, TABLE_OPTIONS, type TableOptions } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface FtrlOptions extends Omit<CommonOptions, 'learningRate'>, TableOptions {
  /** Of all steps: a schedule does not fit the rule. Default: 0.1. */
  readonly learningRate?: number;
  /** Lowers the rates of the first steps. Default: 1. */
  readonly beta?: number;
  /** What every accumulator starts at. Default: 0. */
  readonly initialAccumulator?: number;
  /** Weight of the penalty `|w|`, which makes weights exactly 0. Default: 0. */
  readonly l1?: number;
  /** Weight of the penalty `w^2 / 2`. Default: 0. */
  readonly l2?: number;
}

const OPTIONS = {
  learningRate: withDefault(divisor, 0.1),
  beta: withDefault(nonNegative, 1),
  initialAccumulator: withDefault(nonNegative, 0),
  l1: withDefault(nonNegative, 0),
  l2: withDefault(nonNegative, 0),
  ...TABLE_OPTIONS,
};

/**
 * FTRL-Proximal (McMahan et al. 2013), the classic of click models: AdaGrad's rates, and an L1 penalty that keeps most
 * weights at exactly 0.
 *
 * ```text
 * sigma = (sqrt(n + g^2) - sqrt(n)) / learningRate
 * z = z + g - sigma * w,  n = n + g^2
 * w = 0 where |z| <= l1, else -(z - sign(z) * l1) / ((beta + sqrt(n)) / learningRate + l2)
 * ```
 *
 * Keras and TensorFlow write their penalty `l2 * w^2`: their `l2` is half of this one. Meant for linear models that
 * start at 0. State: `linear` (z) and `accumulator` (n).
 */
export function ftrl(options: FtrlOptions = {}): Optimizer {
  return describeOptimizer('ftrl', options, OPTIONS);
}
