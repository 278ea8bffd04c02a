import { nonNegative, withDefault } from '../core/options.ts';
import { ADAM_OPTIONS, type AdamOptions } from './adam.ts';
import { describeOptimizer } from './common.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdamWOptions extends AdamOptions {
  /** Pull towards 0: `learningRate * weightDecay * w` is taken off the weight, beside the gradient. Default: 0.01. */
  readonly weightDecay?: number;
}

const OPTIONS = { ...ADAM_OPTIONS, weightDecay: withDefault(nonNegative, 0.01) };

/**
 * AdamW (Loshchilov, Hutter 2019): `adam` with a weight decay that does not pass through the moments. Rules and
 * defaults are those of PyTorch's `optim.AdamW`. State as `adam`'s.
 */
export function adamW(options: AdamWOptions = {}): Optimizer {
  return describeOptimizer('adamW', options, OPTIONS);
}
