import { divisor, nonNegative, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import { type CommonOptions, describeOptimizer, learningRate } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdagradDualAveragingOptions extends CommonOptions {
  /** Default: 0.01. */
  readonly learningRate?: LearningRate;
  /** What every accumulator starts at, above 0. Default: 0.1. */
  readonly initialAccumulator?: number;
  /** Weight of the penalty `|w|`, which makes weights exactly 0. Default: 0. */
  readonly l1?: number;
  /** Weight of the penalty `w^2 / 2`. Default: 0. */
  readonly l2?: number;
}

const OPTIONS = {
  learningRate: learningRate(0.01),
  initialAccumulator: withDefault(divisor, 0.1),
  l1: withDefault(nonNegative, 0),
  l2: withDefault(nonNegative, 0),
};

/**
 * AdaGrad by dual averaging (Xiao 2010; Duchi, Hazan, Singer 2011): weights follow from the sums of all gradients and of
 * their squares, with an L1 penalty that gains on noise as steps go by.
 *
 * ```text
 * z = z + g,  s = s + g^2
 * w = -sign(z) * learningRate * max(|z| - l1 * t, 0) / (sqrt(s) + l2 * t * learningRate)      (t: the step, from 1)
 * ```
 *
 * What a weight started at is forgotten at the first step: for linear models that start at 0
 * (`weightInitializer: 'zeros'`). Rows of tables are brought to their step when one names them, and before anybody reads the weights;
 * the learning rate of a table is a number, no schedule. State: `gradientSum` (z) and `accumulator` (s).
 */
export function adagradDualAveraging(options: AdagradDualAveragingOptions = {}): Optimizer {
  return describeOptimizer('adagradDualAveraging', options, OPTIONS);
}
