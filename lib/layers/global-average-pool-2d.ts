import type { Shape } from '../core/shape.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/** The mean of each channel over the whole map. Input `[height, width, channels]`, output `[channels]`. */
export function globalAveragePool2d(options: NamedOptions = {}): Layer<Shape> {
  return describeLayer('globalAveragePool2d', options, {});
}
