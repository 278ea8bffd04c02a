/** What `model.gradient` differentiates. */
import { types } from 'node:util';
import { GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  formatValue,
  guardedBy,
  optional,
  required,
  threads,
  withDefault,
} from '../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import type { LossChoice } from '../losses/make-loss.ts';

export interface GradientOptions<
  Of extends 'loss' | number | ArrayLike<number> = 'loss' | number | ArrayLike<number>,
> {
  /**
   * A number: the output at this place, in row-major order of the model's output shape. A list: the place of each
   * sample, such as the labels that `classify` gives. `'loss'`: each sample's loss, for a dataset with labels.
   */
  readonly of: Of;
  /** With `of: 'loss'`. Default: the loss that the model was trained with. */
  readonly loss?: LossChoice;
  /** Samples a pass through the network. Default: 64. */
  readonly batchSize?: number;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
}

/** Gradients by each value of each sample, `[samples, ...shape of one]`. */
export interface Gradients<Input extends Shape = Shape> {
  readonly data: Float32Array;
  readonly shape: readonly [count: number, ...input: Input];
  /** What was differentiated: an output or the loss of each sample. */
  readonly values: Float32Array;
}

type Differentiated = 'loss' | number | ArrayLike<number>;

export const GRADIENT_OPTIONS = {
  of: required(
    guardedBy(
      '"loss", the place of an output, or a list with the place of each sample',
      (given): given is Differentiated =>
        given === 'loss' || typeof given === 'number' || Array.isArray(given) || types.isTypedArray(given),
    ),
  ),
  loss: optional(anything('a loss such as "softmaxCrossEntropy"')),
  batchSize: withDefault(extent, 64),
  threads: withDefault(threads, 0),
};

/** The place of the output of each of `count` samples, checked. */
export function readPlaces(given: number | ArrayLike<number>, count: number, outputShape: Shape): Int32Array {
  if (typeof given !== 'number' && given.length !== count) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `gradient: of has ${given.length} places, there are ${count} samples; give one for each, or one number for all`,
    );
  }
  const size = sizeOf(outputShape);
  return Int32Array.from({ length: count }, (_, sample) => {
    const place = typeof given === 'number' ? given : given[sample];
    if (Number.isInteger(place) && (place as number) >= 0 && (place as number) < size) return place as number;
    const where = typeof given === 'number' ? 'of' : `of[${sample}]`;
    throw new GradloomError(
      'INVALID_OPTION',
      `gradient: ${where} must be the place of one of the ${size} outputs ${formatShape(outputShape)}, an integer from 0 to ${size - 1}, got ${formatValue(place)}`,
    );
  });
}
