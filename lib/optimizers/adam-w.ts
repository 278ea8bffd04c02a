import { boolean, fraction, nonNegative, positive, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import { type CommonOptions, describeOptimizer, learningRate } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdamWOptions extends CommonOptions {
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
  /** Pull towards 0: `learningRate * weightDecay * w` is taken off the weight, beside the gradient. Default: 0.01. */
  readonly weightDecay?: number;
}

const OPTIONS = {
  learningRate: learningRate(0.001),
  beta1: withDefault(fraction, 0.9),
  beta2: withDefault(fraction, 0.999),
  epsilon: withDefault(positive, 1e-8),
  amsgrad: withDefault(boolean, false),
  weightDecay: withDefault(nonNegative, 0.01),
};

/**
 * AdamW (Loshchilov, Hutter 2019): `adam` with a weight decay that does not pass through the moments. Rules and
 * defaults are those of PyTorch's `optim.AdamW`. State as `adam`'s.
 */
export function adamW(options: AdamWOptions = {}): Optimizer {
  return describeOptimizer('adamW', options, OPTIONS);
}
