/** What `model.gradient` differentiates. */
import { types } from 'node:util';
import { awaitNative, GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  formatValue,
  guardedBy,
  optional,
  readOptions,
  required,
  threads,
  withDefault,
} from '../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import type { LossChoice } from '../losses/make-loss.ts';
import { native } from '../native.ts';
import type { ModelState } from './model-state.ts';
import { objectiveOf, readLabelledFor } from './objective.ts';
import { readSamplesFor } from './samples.ts';

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

const GRADIENT_OPTIONS = {
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

/** What an output or the loss of each sample is, and its gradients by the sample's values. */
export function differentiate(
  state: ModelState,
  inputs: unknown,
  options: GradientOptions,
): Promise<{ readonly values: Float32Array; readonly gradients: Float32Array }> {
  const { of, loss, ...settings } = readOptions('gradient', options, GRADIENT_OPTIONS);
  if (of !== 'loss' && loss !== undefined) {
    throw new GradloomError('INVALID_OPTION', "gradient: loss needs of: 'loss'; leave out one of them");
  }
  const { samples, differentiand } =
    of === 'loss' ? lossOf(state, inputs, loss) : outputsOf(state, inputs, of);
  return awaitNative(() => native.inputGradient(state.native, samples, differentiand, settings));
}

function lossOf(state: ModelState, dataset: unknown, choice: unknown) {
  const { loss } = objectiveOf('gradient', state, { loss: choice, lossWeights: undefined, metrics: [] });
  if (loss.startCalls() !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `gradient: the custom loss ${loss.kind} is a function of JavaScript, which gradient does not call; name another loss`,
    );
  }
  return { samples: readLabelledFor('gradient', state, dataset, loss), differentiand: loss.toSpec() };
}

function outputsOf(state: ModelState, inputs: unknown, of: number | ArrayLike<number>) {
  const samples = readSamplesFor('gradient', state, inputs);
  return { samples, differentiand: readPlaces(of, samples.count, state.native.outputShape) };
}

/** The place of the output of each of `count` samples, checked. */
function readPlaces(given: number | ArrayLike<number>, count: number, outputShape: Shape): Int32Array {
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
