import { extent, type Rule, required } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface ReshapeOptions<Output extends Shape = Shape> extends NamedOptions {
  /** The new shape of a sample. One entry may be -1: whatever the number of values leaves for it. */
  readonly shape: Output;
}

const openShape: Rule<Shape> = {
  expected: 'a shape such as [4, 8], in which one entry may be -1',
  read: (given) =>
    Array.isArray(given) &&
    given.length > 0 &&
    [...given].every((value) => value === -1 || extent.read(value) !== undefined) &&
    given.filter((value) => value === -1).length <= 1
      ? Object.freeze([...given])
      : undefined,
};

const OPTIONS = { shape: required(openShape) };

/**
 * The same values in the same order, channels last, under another shape.
 *
 * Making the model throws `SHAPE_MISMATCH` when the shape has another number of values than the input.
 */
export function reshape<const Output extends Shape>(
  options: ReshapeOptions<Output>,
): Layer<{ readonly [Axis in keyof Output]: Output[Axis] extends -1 ? number : Output[Axis] }> {
  return describeLayer('reshape', options, OPTIONS);
}
