import { readOptions, required, sampleShape, seed, withDefault } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Layer } from '../layers/layer.ts';
import { Model } from './model.ts';
import { checkGivenValues, nameLayers } from './network/network.ts';
import type { OutputShapeOf } from './network/output-shape.ts';

export interface SequentialOptions<Input extends Shape = Shape> {
  /** Shape of one sample, channels last and without the batch: `[4]`, `[28, 28, 1]`. */
  readonly inputShape: Input;
  /** Seed of the initial weights: the same seed gives the same weights. Default: 0. */
  readonly seed?: number;
}

const OPTIONS = { inputShape: required(sampleShape), seed: withDefault(seed, 0) };

/**
 * A model in which each layer's output is the next one's input.
 *
 * Throws `INVALID_OPTION` for a wrong option or two layers of one name, `SHAPE_MISMATCH` for a layer that
 * does not fit the output of the one before.
 *
 * @example
 * const model = sequential({ inputShape: [28, 28, 1] }, [flatten(), dense({ units: 10 })]);
 */
export function sequential<const Input extends Shape, const Layers extends readonly Layer[]>(
  options: SequentialOptions<Input>,
  layers: Layers,
): Model<Input, OutputShapeOf<Layers, Input>> {
  const { inputShape, seed } = readOptions('sequential', options, OPTIONS);
  const named = nameLayers('sequential', layers);
  checkGivenValues('sequential', named);
  return new Model({ inputShape, layers: named }, { seed });
}
