/** Random changes of a run's images, which make more of few of them. */
import { GradloomError } from '../../core/errors.ts';
import { extent, numberThat, oneOf, optional, readOptions, withDefault } from '../../core/options.ts';
import { formatShape, type InputShape } from '../../core/shape.ts';
import type { NativeAugmentation } from '../../native/index.ts';

/**
 * What is done to each training image, anew in every epoch: drawn uniformly from the trainer's seed, the step and the image's
 * place in the batch, so that the same seed gives the same bits for any number of threads, resumed or not. Flips come
 * first, then the shift, then the cutout.
 */
export interface AugmentOptions {
  /** Mirrors every second image: left to right, upside down, or each by itself. Default: none. */
  readonly flip?: 'horizontal' | 'vertical' | 'both' | undefined;
  /** Moves it by up to so many pixels, up or down and left or right; below its height and width. Default: none. */
  readonly shift?: number | undefined;
  /** What it leaves bare: 0 behind the preprocessing, or the pixels of its edge, repeated. Default: `'zero'`. */
  readonly padding?: 'zero' | 'edge';
  /**
   * Multiplies the stored values of an image, such as bytes, by a number within so much of 1; from 0 to 1. They are not
   * clipped. Default: 0.
   */
  readonly brightness?: number;
  /** Multiplies their distances from their mean by a number within so much of 1; from 0 to 1. Default: 0. */
  readonly contrast?: number;
  /**
   * Sets a square of so many pixels a side around any pixel to 0 behind the preprocessing, as far as it lies in the image; up
   * to its height and width (T. DeVries, G. Taylor, "Improved regularization of convolutional neural networks with cutout",
   * 2017). Default: none.
   */
  readonly cutout?: number | undefined;
}

const share = numberThat('a number from 0 to 1', (value) => value >= 0 && value <= 1);

const OPTIONS = {
  flip: optional(oneOf('horizontal', 'vertical', 'both')),
  shift: optional(extent),
  padding: withDefault(oneOf('zero', 'edge'), 'zero'),
  brightness: withDefault(share, 0),
  contrast: withDefault(share, 0),
  cutout: optional(extent),
};

/** Checks the options against what the model takes. */
export function readAugmentOptions(
  operation: string,
  given: unknown,
  inputShape: InputShape,
): NativeAugmentation | undefined {
  if (given === undefined) return undefined;
  const name = `${operation}: augment`;
  const { flip, shift, padding, brightness, contrast, cutout } = readOptions(name, given as object, OPTIONS);
  if (!Array.isArray(inputShape) || inputShape.length !== 3) {
    const found = Array.isArray(inputShape)
      ? `samples of shape ${formatShape(inputShape)}`
      : 'several inputs';
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${name}: changes images, samples of shape [height, width, channels], and the model takes ${found}; leave it out`,
    );
  }
  const [height, width] = inputShape as unknown as readonly [number, number, number];
  const least = Math.min(height, width);
  for (const [key, value, most] of [
    ['shift', shift ?? 0, least - 1],
    ['cutout', cutout ?? 0, least],
  ] as const) {
    if (value <= most) continue;
    throw new GradloomError(
      'INVALID_OPTION',
      `${name}: ${key} must be at most ${most} for images of ${height} x ${width}, got ${value}`,
    );
  }
  return {
    flipsHorizontally: flip === 'horizontal' || flip === 'both',
    flipsVertically: flip === 'vertical' || flip === 'both',
    shift: shift ?? 0,
    extendsEdges: padding === 'edge',
    brightness,
    contrast,
    cutout: cutout ?? 0,
  };
}
