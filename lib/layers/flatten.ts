import type { Shape } from '../core/shape.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/** Input of any shape, output `[n]` with the same values in the same order, channels last. */
export function flatten(options: NamedOptions = {}): Layer<Shape> {
  return describeLayer('flatten', options, {});
}
