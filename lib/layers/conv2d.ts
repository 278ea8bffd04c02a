import { boolean, extent, oneOf, optional, pairOf, required, withDefault } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { type Activation, activation } from './activation.ts';
import { type Initializer, initializer } from './initializer.ts';
import { describeTrainable, type Layer, type TrainableOptions } from './layer.ts';
import { type Regularizer, regularizer } from './regularizer.ts';
import { type Padding, type Pair, padding } from './window.ts';

export interface Conv2dOptions extends TrainableOptions {
  /** Number of output channels. */
  readonly filters: number;
  /** Rows and columns of the window. */
  readonly kernelSize: Pair;
  /** Rows and columns that the window moves at a time. Default: 1. */
  readonly strides?: Pair;
  /** Distance of the window's cells from each other. Default: 1. */
  readonly dilation?: Pair;
  /** Default: `'valid'`. */
  readonly padding?: Padding;
  /**
   * Splits the channels of input and output into as many groups that do not see each other; must divide both.
   * As many groups as input channels make the convolution depthwise. Default: 1.
   */
  readonly groups?: number;
  /** Default: `'linear'`. */
  readonly activation?: Activation;
  /** Whether a bias is added to each output channel. Default: true. */
  readonly bias?: boolean;
  /**
   * How it is computed: `'direct'` with the batch in the SIMD lanes; `'winograd'` likewise, by a quarter of the products for
   * `kernelSize` 3, some third for 5 (of `strides` 2, too), four tenths for 7, half for `[1, 3]`, up to 32, with `strides` up to
   * `kernelSize` and no `dilation` beside them, with rounding errors two to four times as large; `'blas'` by im2col and matrix
   * products; `'auto'` by a fixed rule over shape and batch size, for less than 8 samples and for maps of few pixels mostly with the
   * filters in the SIMD lanes.
   * The bits of results depend on it. Default: `'auto'`.
   */
  readonly kernel?: 'auto' | 'direct' | 'winograd' | 'blas';
  /** How the weights start. Default: `'glorotUniform'`. */
  readonly weightInitializer?: Initializer;
  /** How the bias starts. Default: `'zeros'`. */
  readonly biasInitializer?: Initializer;
  /** A penalty on large weights, such as `{ l2: 1e-4 }`. Default: none. */
  readonly weightRegularizer?: Regularizer;
}

const OPTIONS = {
  filters: required(extent),
  kernelSize: required(pairOf(extent)),
  strides: withDefault(pairOf(extent), [1, 1]),
  dilation: withDefault(pairOf(extent), [1, 1]),
  padding: withDefault(padding, 'valid'),
  groups: withDefault(extent, 1),
  activation: withDefault(activation, 'linear'),
  bias: withDefault(boolean, true),
  kernel: withDefault(oneOf('auto', 'direct', 'winograd', 'blas'), 'auto'),
  weightInitializer: withDefault(initializer, { kind: 'glorotUniform' }),
  biasInitializer: withDefault(initializer, { kind: 'zeros' }),
  weightRegularizer: optional(regularizer),
};

/**
 * Slides a window over a map; every output cell is a weighted sum of the window (a cross-correlation, as
 * everywhere in deep learning).
 *
 * Input `[height, width, channels]`, output `[outHeight, outWidth, filters]` with
 * `outHeight = floor((height + top + bottom - dilation * (kernelSize - 1) - 1) / stride) + 1`. Weight
 * `[filters, channels / groups, rows, columns]`, bias `[filters]`.
 */
export function conv2d(options: Conv2dOptions): Layer<Shape> {
  return describeTrainable('conv2d', options, OPTIONS);
}
