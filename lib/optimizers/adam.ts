import { boolean, divisor, fraction, nonNegative, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import { type CommonOptions, describeOptimizer, learningRate } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdamOptions extends CommonOptions {
  /** Default: 0.001. */
  readonly learningRate?: LearningRate;
  /** Weight of the past in the running mean of gradients. Default: 0.9. */
  readonly beta1?: number;
  /** Weight of the past in the running mean of squared gradients. Default: 0.999. */
  readonly beta2?: number;
  /** Added to the root. Default: 1e-8. */
  readonly epsilon?: number;
  /** Divides by the largest mean of squared gradients so far (AMSGrad). Default: false. */
  readonly amsgrad?: boolean;
  /** Pull towards 0: `weightDecay * w` is added to the gradient. Default: 0. */
  readonly weightDecay?: number;
}

export const ADAM_OPTIONS = {
  learningRate: learningRate(0.001),
  beta1: withDefault(fraction, 0.9),
  beta2: withDefault(fraction, 0.999),
  epsilon: withDefault(divisor, 1e-8),
  amsgrad: withDefault(boolean, false),
  weightDecay: withDefault(nonNegative, 0),
};

/**
 * Adam (Kingma, Ba 2015). Rules and defaults are those of PyTorch's `optim.Adam`:
 *
 * ```text
 * g = gradient + weightDecay * w
 * m = beta1 * m + (1 - beta1) * g
 * v = beta2 * v + (1 - beta2) * g^2
 * w = w - learningRate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)      (t: the step, from 1)
 * ```
 *
 * State: `firstMoment` (m), `secondMoment` (v), with `amsgrad` also `maximumSecondMoment`.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return describeOptimizer('adam', options, ADAM_OPTIONS);
}
