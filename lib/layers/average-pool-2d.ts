import { extent, oneOf, optional, pairOf, withDefault } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';
import { type Padding, type Pair, padding } from './window.ts';

export interface AveragePool2dOptions extends NamedOptions {
  /** Rows and columns of the window. Default: 2. */
  readonly poolSize?: Pair;
  /** Rows and columns that the window moves at a time. Default: `poolSize`. */
  readonly strides?: Pair;
  /** Distance of the window's cells from each other. Default: 1. */
  readonly dilation?: Pair;
  /** Default: `'valid'`. */
  readonly padding?: Padding;
  /**
   * Whether a window that sticks out at the end is dropped (`'down'`) or kept (`'up'`). Default: `'down'`.
   */
  readonly rounding?: 'down' | 'up';
  /**
   * Whether padded cells are left out of the average (`'exclude'`) or count as zeros (`'include'`, PyTorch's
   * default). What sticks out beyond the padding never counts. Default: `'exclude'`.
   */
  readonly countPadding?: 'exclude' | 'include';
}

const OPTIONS = {
  poolSize: withDefault(pairOf(extent), [2, 2]),
  strides: optional(pairOf(extent)),
  dilation: withDefault(pairOf(extent), [1, 1]),
  padding: withDefault(padding, 'valid'),
  rounding: withDefault(oneOf('down', 'up'), 'down'),
  countPadding: withDefault(oneOf('exclude', 'include'), 'exclude'),
};

/**
 * The mean of each window, channel by channel.
 *
 * Input `[height, width, channels]`, output `[outHeight, outWidth, channels]`. No weights.
 */
export function averagePool2d(options: AveragePool2dOptions = {}): Layer<Shape> {
  const layer = describeLayer<Shape>('averagePool2d', options, OPTIONS);
  return layer.strides === undefined ? Object.freeze({ ...layer, strides: layer.poolSize }) : layer;
}
