import { extent, guardedBy, oneOf, type Rule, required, withDefault } from '../../core/options.ts';
import type { ImageFormat } from '../../formats/image.ts';

export type ImageSize = readonly [height: number, width: number];

export interface ImageOptions<Size extends ImageSize = ImageSize, Channels extends 1 | 3 = 1 | 3> {
  /** `[height, width]` to which each picture is resized (bilinear, smoothed where it shrinks). */
  readonly size: Size;
  /** 3: red, green, blue; 1: grey. Default: 3. */
  readonly channels?: Channels;
  /**
   * `'fill'` stretches, as Keras does; `'cover'` keeps the sides' ratio and cuts what is beyond the middle;
   * `'contain'` keeps it and fills up with black. Default: `'fill'`.
   */
  readonly fit?: 'fill' | 'cover' | 'contain';
}

const size = guardedBy(
  'a pair of integers of at least 1, [height, width]',
  (given): given is ImageSize =>
    Array.isArray(given) && given.length === 2 && given.every((side) => extent.read(side) !== undefined),
);

const channels: Rule<1 | 3> = {
  expected: '1 or 3',
  read: (given) => (given === 1 || given === 3 ? given : undefined),
};

export const IMAGE_OPTIONS = {
  size: required(size),
  channels: withDefault(channels, 3),
  fit: withDefault(oneOf('fill', 'cover', 'contain'), 'fill'),
};

export function toImageFormat({
  size: [height, width],
  channels,
  fit,
}: {
  readonly size: ImageSize;
  readonly channels: 1 | 3;
  readonly fit: ImageFormat['fit'];
}): ImageFormat {
  return { height, width, channels, fit };
}
