import { nonNegative, positive, withDefault } from '../core/options.ts';
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
  epsilon: withDefault(positive, 1e-10),
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
 * A weight that never had a gradient stays as it is. State: `accumulator`.
 */
export function proximalAdagrad(options: ProximalAdagradOptions = {}): Optimizer {
  return describeOptimizer('proximalAdagrad', options, OPTIONS);
}
