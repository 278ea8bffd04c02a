import { numberThat, withDefault } from '../core/options.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface ThresholdOptions extends NamedOptions {
  /** What is at most this is replaced. Default: 0. */
  readonly threshold?: number;
  /** What takes its place. Default: 0. */
  readonly value?: number;
}

const float = numberThat('a number that float32 can hold', (value) => Number.isFinite(Math.fround(value)));
const OPTIONS = { threshold: withDefault(float, 0), value: withDefault(float, 0) };

/**
 * `x` where it is above the threshold, else `value`, value by value; the derivative at the threshold is 0. Keeps the shape. As
 * PyTorch's `nn.Threshold`; with `value` 0 as Keras' `ThresholdedReLU` (Konda et al. 2014).
 */
export function threshold(options: ThresholdOptions = {}): Layer<'asInput'> {
  return describeLayer('threshold', options, OPTIONS);
}
