import { GradloomError } from './errors.ts';

/** The extents of one sample, channels last and without the batch: `[4]`, `[28, 28, 1]`. */
export type Shape = readonly number[];

/** `[28, 28, 1]`, as errors and summaries print it. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** The number of values in a tensor of this shape; 1 for `[]`. */
export function sizeOf(shape: Shape): number {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (!Number.isSafeInteger(size)) {
    throw new GradloomError(
      'SHAPE_TOO_LARGE',
      `shape ${formatShape(shape)} has more values than can be addressed`,
    );
  }
  return size;
}
