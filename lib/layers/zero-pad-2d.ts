import { required } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';
import { type Padding, sides } from './window.ts';

export interface ZeroPad2dOptions extends NamedOptions {
  /** Rows and columns to add: a count for all sides, `[vertical, horizontal]`, or a count for each side. */
  readonly padding: Exclude<Padding, 'valid' | 'same'>;
}

const OPTIONS = { padding: required(sides) };

/**
 * Zeros around a map.
 *
 * Input `[height, width, channels]`, output `[top + height + bottom, left + width + right, channels]`. No
 * weights.
 */
export function zeroPad2d(options: ZeroPad2dOptions): Layer<Shape> {
  return describeLayer('zeroPad2d', options, OPTIONS);
}
