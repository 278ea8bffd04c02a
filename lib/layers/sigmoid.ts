import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/** `1 / (1 + exp(-x))`, value by value. Keeps the shape. Also an `activation` of dense and conv2d. */
export function sigmoid(options: NamedOptions = {}): Layer<'asInput'> {
  return describeLayer('sigmoid', options, {});
}
