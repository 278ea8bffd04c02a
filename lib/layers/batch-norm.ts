import { boolean, numberThat, oneOf, positive, withDefault } from '../core/options.ts';
import { type Initializer, initializer } from './initializer.ts';
import { describeTrainable, type Layer, type TrainableOptions } from './layer.ts';

export interface BatchNormOptions extends TrainableOptions {
  /**
   * The weight of a batch in the running statistics, from 0 to 1: `running = (1 - momentum) * running + momentum * new`. This is
   * PyTorch's convention; Keras's momentum is `1 - momentum`. Default: 0.1.
   */
  readonly momentum?: number;
  /** Added to the variance, above 0. Default: 1e-5, as in PyTorch. */
  readonly epsilon?: number;
  /** Whether each channel is multiplied by a trained weight. Default: true. */
  readonly scale?: boolean;
  /** Whether a trained bias is added to each channel. Default: true. */
  readonly shift?: boolean;
  /**
   * What normalises while training: the statistics of the `'batch'`, or the `'running'` ones, which then stay as they are (for
   * fine-tuning with small batches; PyTorch's `eval()` of this layer). Default: `'batch'`.
   */
  readonly statistics?: 'batch' | 'running';
  /** How the weight of the channels starts. Default: `{ kind: 'constant', value: 1 }`. */
  readonly weightInitializer?: Initializer;
  /** How the bias of the channels starts. Default: `'zeros'`. */
  readonly biasInitializer?: Initializer;
}

const OPTIONS = {
  momentum: withDefault(
    numberThat('a number from 0 to 1', (momentum) => momentum >= 0 && momentum <= 1),
    0.1,
  ),
  epsilon: withDefault(positive, 1e-5),
  scale: withDefault(boolean, true),
  shift: withDefault(boolean, true),
  statistics: withDefault(oneOf('batch', 'running'), 'batch'),
  weightInitializer: withDefault(initializer, { kind: 'constant', value: 1 }),
  biasInitializer: withDefault(initializer, { kind: 'zeros' }),
};

/**
 * Normalises each channel (of vectors: each feature) over all samples and pixels of the batch:
 * `y = (x - mean) / sqrt(variance + epsilon) * weight + bias` (Ioffe and Szegedy 2015). Keeps the shape; the last axis is the
 * channel.
 *
 * Training also moves `runningMean` and `runningVariance` (the unbiased one, as in PyTorch), which normalise when predicting
 * and evaluating. They are weights of the model, `[channels]` like `weight` and `bias`: saved, read and set with the others,
 * but not trained. A channel with a single value in the batch has no unbiased variance: it gives the bias, and its running
 * variance stays. With `trainable: false` the running statistics are used in training too, and stay, as in Keras.
 */
export function batchNorm(options: BatchNormOptions = {}): Layer<'asInput'> {
  return describeTrainable('batchNorm', options, OPTIONS);
}
