import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/** `tanh(x)`, value by value. Keeps the shape. Also an `activation` of dense and conv2d. */
export function tanh(options: NamedOptions = {}): Layer<'asInput'> {
  return describeLayer('tanh', options, {});
}
