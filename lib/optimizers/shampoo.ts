import { divisor, extent, integer, nonNegative, oneOf, withDefault } from '../core/options.ts';
import type { LearningRate } from '../schedules/learning-rate.ts';
import { type CommonOptions, describeOptimizer, learningRate } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface ShampooOptions extends CommonOptions {
  /** Default: 0.01. */
  readonly learningRate?: LearningRate;
  /** What every accumulator starts at. Default: 0. */
  readonly initialAccumulator?: number;
  /** Added to the root. Default: 1e-10. */
  readonly epsilon?: number;
  /** Most rows and columns of a block. Default: 64. */
  readonly blockSize?: number;
  /** Steps from one computation of roots to the next, and up to the first. Default: 20. */
  readonly rootEvery?: number;
  /** Pull towards 0. Default: 0. */
  readonly weightDecay?: number;
  /**
   * `'coupled'` adds `weightDecay * w` to the gradient. `'decoupled'` takes `learningRate * weightDecay * w` off the
   * weight beside it. Default: `'coupled'`.
   */
  readonly weightDecayMode?: 'coupled' | 'decoupled';
}

const OPTIONS = {
  learningRate: learningRate(0.01),
  initialAccumulator: withDefault(nonNegative, 0),
  epsilon: withDefault(divisor, 1e-10),
  blockSize: withDefault(integer(1, 1024), 64),
  rootEvery: withDefault(extent, 20),
  weightDecay: withDefault(nonNegative, 0),
  weightDecayMode: withDefault(oneOf('coupled', 'decoupled'), 'coupled'),
};

/**
 * Shampoo (Gupta, Koren, Singer 2018): AdaGrad with full matrices for the rows and the columns of a weight, which also
 * sees how gradients of different weights go together. Blocks of the weight have matrices of their own, and each step
 * is as long as diagonal AdaGrad's (grafting), so learning rates are `adagrad`'s.
 *
 * ```text
 * L = L + g g^T,  R = R + g^T g
 * p = L^(-1/4) g R^(-1/4)               (roots anew every rootEvery steps)
 * w = w - learningRate * p * |d| / |p|  (d: diagonal AdaGrad's g / (sqrt(s) + epsilon))
 * ```
 *
 * For dense and convolution layers of moderate size: a step costs about `blockSize` times as much as AdaGrad's. Biases
 * take plain AdaGrad. State: `accumulator`, and of weights `left`, `right`, `leftRoot` and `rightRoot`, block by block.
 */
export function shampoo(options: ShampooOptions = {}): Optimizer {
  return describeOptimizer('shampoo', options, OPTIONS);
}
