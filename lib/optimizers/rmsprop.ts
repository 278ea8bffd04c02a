import { boolean, divisor, fraction, nonNegative, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import { type CommonOptions, describeOptimizer, learningRate } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface RmspropOptions extends CommonOptions {
  /** Default: 0.01. */
  readonly learningRate?: LearningRate;
  /** Weight of the past in the running averages. Default: 0.99. */
  readonly smoothing?: number;
  /** Added to the root. Default: 1e-8. */
  readonly epsilon?: number;
  /** Default: 0. */
  readonly momentum?: number;
  /** Divides by the standard deviation of gradients instead of their root mean square. Default: false. */
  readonly centered?: boolean;
  /** Pull towards 0: `weightDecay * w` is added to the gradient. Default: 0. */
  readonly weightDecay?: number;
}

const OPTIONS = {
  learningRate: learningRate(0.01),
  smoothing: withDefault(fraction, 0.99),
  epsilon: withDefault(divisor, 1e-8),
  momentum: withDefault(nonNegative, 0),
  centered: withDefault(boolean, false),
  weightDecay: withDefault(nonNegative, 0),
};

/**
 * RMSprop (Hinton 2012): AdaGrad with a running average of squared gradients in the place of their sum, so that rates
 * do not go to 0. Rules and defaults are those of PyTorch's `optim.RMSprop`:
 *
 * ```text
 * s = smoothing * s + (1 - smoothing) * g^2
 * w = w - learningRate * g / (sqrt(s) + epsilon)
 * ```
 *
 * State: `squareAverage`, with `centered` also `gradientAverage`, with a momentum also `momentum`.
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  return describeOptimizer('rmsprop', options, OPTIONS);
}
