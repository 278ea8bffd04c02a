import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/**
 * `x - ln(sum(exp(x)))` over the last axis: the logarithm of softmax, without its underflow. Keeps the shape.
 * Also an `activation` of dense and conv2d.
 */
export function logSoftmax(options: NamedOptions = {}): Layer<'asInput'> {
  return describeLayer('logSoftmax', options, {});
}
