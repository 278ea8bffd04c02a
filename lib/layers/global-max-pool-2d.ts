import type { Shape } from '../core/shape.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/**
 * The largest value of each channel over the whole map; of equal ones the first in row order takes the
 * gradient. Input `[height, width, channels]`, output `[channels]`.
 */
export function globalMaxPool2d(options: NamedOptions = {}): Layer<Shape> {
  return describeLayer('globalMaxPool2d', options, {});
}
