/** What a model says of samples: the values of its last layer, and classes. */
import { GradloomError } from '../core/errors.ts';
import { extent, threads, withDefault } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Loss } from '../losses/loss.ts';

export interface PredictOptions {
  /** At most so many samples a pass through the network. Default: 256. */
  readonly batchSize?: number;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
}

export const PREDICT_OPTIONS = { batchSize: withDefault(extent, 256), threads: withDefault(threads, 0) };

/** Values of `[samples, ...shape of one]`, one sample after another. */
export interface Predictions<Output extends Shape = Shape> {
  readonly data: Float32Array;
  readonly shape: readonly [count: number, ...output: Output];
}

export interface Classification<Output extends Shape = Shape> {
  /** The class of each sample; with several independent outputs 0 or 1 for each output. */
  readonly labels: Int32Array;
  /** The name of each sample's class; undefined where the training data named none. */
  readonly names: readonly string[] | undefined;
  /** Of each class; with one output of class 1. */
  readonly probabilities: Predictions<Output>;
}

/** The classes that a model's outputs stand for under the loss that it was trained with. */
export function toClassification<Output extends Shape>(
  { data, shape }: Predictions<Output>,
  loss: Loss,
  classNames: readonly string[] | undefined,
): Classification<Output> {
  const [count] = shape;
  const classes = loss.classify(data, data.length / count);
  if (classes === undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `classify: the model was trained with ${loss.kind}, which knows no classes; use predict`,
    );
  }
  const { labels, probabilities } = classes;
  return {
    labels,
    names: nameClasses(labels, count, classNames),
    probabilities: { data: probabilities, shape },
  };
}

/** No names for several independent outputs, whose labels are no classes. */
function nameClasses(
  labels: Int32Array,
  count: number,
  names: readonly string[] | undefined,
): readonly string[] | undefined {
  if (names === undefined || labels.length !== count) return undefined;
  return Array.from(labels, (label) => names[label] ?? String(label));
}
