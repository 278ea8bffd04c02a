import { oneOf, withDefault } from '../core/options.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface GeluOptions extends NamedOptions {
  /**
   * `'none'`: by the normal distribution itself. `'tanh'`: the approximation
   * `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`, up to 5e-4 off, which some published weights
   * were trained with. Default: `'none'`.
   */
  readonly approximate?: 'none' | 'tanh';
}

const OPTIONS = { approximate: withDefault(oneOf('none', 'tanh'), 'none') };

/**
 * `x` times the probability that a standard normal variable is below `x`, value by value (Hendrycks and Gimpel
 * 2016). Keeps the shape. Also an `activation` of dense, sparseDense and conv2d, without approximation.
 */
export function gelu(options: GeluOptions = {}): Layer<'asInput'> {
  return describeLayer('gelu', options, OPTIONS);
}
