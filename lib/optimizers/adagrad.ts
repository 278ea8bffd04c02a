import { GradloomError } from '../core/errors.ts';
import { LEAST_NORMAL_FLOAT, nonNegative, oneOf, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import {
  type CommonOptions,
  describeOptimizer,
  learningRate,
  TABLE_OPTIONS,
  type TableOptions,
} from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdagradOptions extends CommonOptions, TableOptions {
  /** The first step moves a weight by about this much. Default: 0.01. */
  readonly learningRate?: LearningRate;
  /** Step `t` uses `learningRate / (1 + (t - 1) * learningRateDecay)`. Default: 0. */
  readonly learningRateDecay?: number;
  /** Pull towards 0. Default: 0. */
  readonly weightDecay?: number;
  /**
   * `'coupled'` adds `weightDecay * w` to the gradient, and so to the accumulator. `'decoupled'` takes
   * `rate * weightDecay * w` off the weight beside it. Default: `'coupled'`.
   */
  readonly weightDecayMode?: 'coupled' | 'decoupled';
  /** What every accumulator starts at. Default: 0. */
  readonly initialAccumulator?: number;
  /** Keeps the denominator from 0; may be 0 only when `initialAccumulator` is not. Default: 1e-10. */
  readonly epsilon?: number;
  /** `'outside'`: `sqrt(s) + epsilon`; `'inside'`: `sqrt(s + epsilon)`. Default: `'outside'`. */
  readonly epsilonPlacement?: 'outside' | 'inside';
}

const OPTIONS = {
  learningRate: learningRate(0.01),
  learningRateDecay: withDefault(nonNegative, 0),
  weightDecay: withDefault(nonNegative, 0),
  weightDecayMode: withDefault(oneOf('coupled', 'decoupled'), 'coupled'),
  initialAccumulator: withDefault(nonNegative, 0),
  epsilon: withDefault(nonNegative, 1e-10),
  epsilonPlacement: withDefault(oneOf('outside', 'inside'), 'outside'),
  ...TABLE_OPTIONS,
};

/**
 * AdaGrad (Duchi, Hazan, Singer 2011): each weight has its own rate, the smaller the more its gradients have
 * summed up to. Rules and defaults are those of PyTorch's `optim.Adagrad`:
 *
 * ```text
 * g = gradient + weightDecay * w
 * s = s + g^2
 * w = w - rate * g / (sqrt(s) + epsilon)
 * ```
 *
 * Keras's numbers are `{ learningRate: 0.001, initialAccumulator: 0.1, epsilon: 1e-7, epsilonPlacement:
 * 'inside' }`.
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const optimizer = describeOptimizer('adagrad', options, OPTIONS);
  // Both numbers are float32 in the update, where a tiny one is 0.
  const isZero = (name: 'epsilon' | 'initialAccumulator') =>
    Math.fround(optimizer[name] as number) < LEAST_NORMAL_FLOAT;
  if (isZero('epsilon') && isZero('initialAccumulator')) {
    throw new GradloomError(
      'INVALID_OPTION',
      'adagrad: epsilon 0 divides 0 by 0 where a gradient is 0; use an epsilon above 0 or an initialAccumulator above 0',
    );
  }
  return optimizer;
}
