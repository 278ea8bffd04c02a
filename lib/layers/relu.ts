import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/**
 * `max(0, x)`, value by value; the derivative at 0 is 0. Keeps the shape. Also an `activation` of dense and
 * conv2d.
 */
export function relu(options: NamedOptions = {}): Layer<'asInput'> {
  return describeLayer('relu', options, {});
}
