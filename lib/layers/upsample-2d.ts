import { extent, pairOf, withDefault } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';
import type { Pair } from './window.ts';

export interface Upsample2dOptions extends NamedOptions {
  /** How many rows and columns every pixel fills. Default: 2. */
  readonly size?: Pair;
}

const OPTIONS = { size: withDefault(pairOf(extent), [2, 2]) };

/**
 * A larger map in which every pixel fills a block of the given size (nearest neighbour).
 *
 * Input `[height, width, channels]`, output `[height * size, width * size, channels]`. No weights.
 */
export function upsample2d(options: Upsample2dOptions = {}): Layer<Shape> {
  return describeLayer('upsample2d', options, OPTIONS);
}
