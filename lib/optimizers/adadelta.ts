import { divisor, fraction, nonNegative, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import { type CommonOptions, describeOptimizer, learningRate } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdadeltaOptions extends CommonOptions {
  /** Default: 1. */
  readonly learningRate?: LearningRate;
  /** Weight of the past in the running averages. Default: 0.9. */
  readonly smoothing?: number;
  /** Added under both roots; sets the size of the first steps. Default: 1e-6. */
  readonly epsilon?: number;
  /** Pull towards 0: `weightDecay * w` is added to the gradient. Default: 0. */
  readonly weightDecay?: number;
}

const OPTIONS = {
  learningRate: learningRate(1),
  smoothing: withDefault(fraction, 0.9),
  epsilon: withDefault(divisor, 1e-6),
  weightDecay: withDefault(nonNegative, 0),
};

/**
 * Adadelta (Zeiler 2012): steps as large as the updates before them, in the units of the weights. Rules and defaults
 * are those of PyTorch's `optim.Adadelta`:
 *
 * ```text
 * s = smoothing * s + (1 - smoothing) * g^2
 * d = sqrt(u + epsilon) / sqrt(s + epsilon) * g
 * u = smoothing * u + (1 - smoothing) * d^2
 * w = w - learningRate * d
 * ```
 *
 * State: `squareAverage` (s) and `updateAverage` (u).
 */
export function adadelta(options: AdadeltaOptions = {}): Optimizer {
  return describeOptimizer('adadelta', options, OPTIONS);
}
