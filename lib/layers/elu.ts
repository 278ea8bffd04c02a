import { positive, withDefault } from '../core/options.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface EluOptions extends NamedOptions {
  /** Very negative values end at `-alpha`; above 0. Default: 1. */
  readonly alpha?: number;
}

const OPTIONS = { alpha: withDefault(positive, 1) };

/**
 * `x` where it is above 0, else `alpha * (exp(x) - 1)`, value by value (Clevert et al. 2016). Keeps the shape.
 * Also an `activation` of dense and conv2d, with alpha 1.
 */
export function elu(options: EluOptions = {}): Layer<'asInput'> {
  return describeLayer('elu', options, OPTIONS);
}
