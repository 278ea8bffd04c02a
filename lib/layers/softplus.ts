import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/** `ln(1 + exp(x))`, value by value: always above 0. Keeps the shape. Also an `activation` of dense, sparseDense and conv2d. */
export function softplus(options: NamedOptions = {}): Layer<'asInput'> {
  return describeLayer('softplus', options, {});
}
