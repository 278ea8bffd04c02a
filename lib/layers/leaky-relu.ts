import { nonNegative, withDefault } from '../core/options.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface LeakyReluOptions extends NamedOptions {
  /** What negative values are multiplied by, at least 0. Default: 0.01. */
  readonly slope?: number;
}

const OPTIONS = { slope: withDefault(nonNegative, 0.01) };

/**
 * `x` where it is above 0, else `slope * x`, value by value; the derivative at 0 is the slope (Maas et al.
 * 2013). Keeps the shape. Also an `activation` of dense and conv2d, with slope 0.01.
 */
export function leakyRelu(options: LeakyReluOptions = {}): Layer<'asInput'> {
  return describeLayer('leakyRelu', options, OPTIONS);
}
