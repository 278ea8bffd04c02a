import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/** `exp(x) / sum(exp(x))` over the last axis. Keeps the shape. Also an `activation` of dense and conv2d. */
export function softmax(options: NamedOptions = {}): Layer<'asInput'> {
  return describeLayer('softmax', options, {});
}
