import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/**
 * `x / (1 + exp(-x))`, value by value, also known as swish (Elfwing et al. 2018). Keeps the shape. Also an `activation`
 * of dense, sparseDense and conv2d.
 */
export function silu(options: NamedOptions = {}): Layer<'asInput'> {
  return describeLayer('silu', options, {});
}
