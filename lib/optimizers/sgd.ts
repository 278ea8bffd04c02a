import { GradloomError } from '../core/errors.ts';
import { boolean, nonNegative, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import {
  type CommonOptions,
  describeOptimizer,
  learningRate,
  TABLE_OPTIONS,
  type TableOptions,
} from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface SgdOptions extends CommonOptions, TableOptions {
  /** Default: 0.001. */
  readonly learningRate?: LearningRate;
  /** Share of the last step's direction that is kept. Default: 0. */
  readonly momentum?: number;
  /** Share of the gradient that is left out of the momentum, from its second step on. Default: 0. */
  readonly dampening?: number;
  /** Looks one step ahead; needs a momentum above 0 and no dampening. Default: false. */
  readonly nesterov?: boolean;
  /** Pull towards 0: `weightDecay * w` is added to the gradient. Default: 0. */
  readonly weightDecay?: number;
}

const OPTIONS = {
  learningRate: learningRate(0.001),
  momentum: withDefault(nonNegative, 0),
  dampening: withDefault(nonNegative, 0),
  nesterov: withDefault(boolean, false),
  weightDecay: withDefault(nonNegative, 0),
  ...TABLE_OPTIONS,
};

/**
 * Stochastic gradient descent. Rules and defaults are those of PyTorch's `optim.SGD`:
 *
 * ```text
 * g = gradient + weightDecay * w
 * b = momentum * b + (1 - dampening) * g      (b = g at the first step)
 * w = w - learningRate * b                    (nesterov: g + momentum * b)
 * ```
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const optimizer = describeOptimizer('sgd', options, OPTIONS);
  if (optimizer.nesterov === true && (optimizer.momentum === 0 || optimizer.dampening !== 0)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `sgd: nesterov needs a momentum above 0 and a dampening of 0, got ${optimizer.momentum} and ${optimizer.dampening}`,
    );
  }
  return optimizer;
}
