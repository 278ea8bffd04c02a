import { nonNegative, numberThat, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import { type CommonOptions, describeOptimizer, learningRate } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdagradNormOptions extends CommonOptions {
  /** Default: 0.01. */
  readonly learningRate?: LearningRate;
  /** The norm of gradients to start with, above 0. Default: 0.1. */
  readonly initialNorm?: number;
  /** Pull towards 0: `weightDecay * w` is added to the gradient. Default: 0. */
  readonly weightDecay?: number;
}

/** What is kept is its square. */
const NORM = numberThat('a finite number of at least 1.1e-19', (norm) => norm >= 2 ** -63);

const OPTIONS = {
  learningRate: learningRate(0.01),
  initialNorm: withDefault(NORM, 0.1),
  weightDecay: withDefault(nonNegative, 0),
};

/**
 * AdaGrad-Norm (Ward, Wu, Bottou 2020): one rate for a whole parameter, from the sum of its gradients' squared norms.
 * Converges for smooth functions whatever the learning rate and the initial norm are.
 *
 * ```text
 * s = s + |g|^2                         (s starts at initialNorm^2)
 * w = w - learningRate * g / sqrt(s)
 * ```
 *
 * Takes a step only when all gradients are known. State: `accumulator`, `[1]`.
 */
export function adagradNorm(options: AdagradNormOptions = {}): Optimizer {
  return describeOptimizer('adagradNorm', options, OPTIONS);
}
