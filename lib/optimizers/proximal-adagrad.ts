import { divisor, nonNegative, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import { type CommonOptions, describeOptimizer, learningRate } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface ProximalAdagradOptions extends CommonOptions {
  /** Default: 0.01. */
  readonly learningRate?: LearningRate;
  /** What every accumulator starts at. Default: 0.1. */
  readonly initialAccumulator?: number;
  /** Added to the root. Default: 1e-10. */
  readonly epsilon?: number;
  /** Weight of the penalty `|w|`, which makes weights exactly 0. Default: 0. */
  readonly l1?: number;
  /** Weight of the penalty `w^2 / 2`. Default: 0. */
  readonly l2?: number;
}

const OPTIONS = {
  learningRate: learningRate(0.01),
  initialAccumulator: withDefault(nonNegative, 0.1),
  epsilon: withDefault(divisor, 1e-10),
  l1: withDefault(nonNegative, 0),
  l2: withDefault(nonNegative, 0),
};

/**
 * AdaGrad with L1 and L2 as proximal steps (Duchi, Singer 2009): penalties that neither enter the accumulator nor leave
 * small weights beside 0.
 *
 * ```text
 * s = s + g^2
 * rate = learningRate / (sqrt(s) + epsilon),  v = w - rate * g
 * w = sign(v) * max(|v| - rate * l1, 0) / (1 + rate * l2)
 * ```
 *
 * A weight that never had a gradient stays as it is while its accumulator is 0. State: `accumulator`.
 *
 * Of tables (`sparseDense`, `embedding`, `embeddingBag`) a step updates the rows that it names; what the penalties do to the others is
 * caught up on in closed form when a step names them, and before anybody reads the weights. With `l1` or `l2` this keeps two more
 * numbers a weight of a table (`lastWeight`, `lastStep`) and takes a learning rate that is a number, no schedule.
 */
export function proximalAdagrad(options: ProximalAdagradOptions = {}): Optimizer {
  return describeOptimizer('proximalAdagrad', options, OPTIONS);
}
