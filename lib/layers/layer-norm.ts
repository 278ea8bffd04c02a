import { boolean, integer, positive, withDefault } from '../core/options.ts';
import { type Initializer, initializer } from './initializer.ts';
import { describeTrainable, type Layer, type TrainableOptions } from './layer.ts';

export interface LayerNormOptions extends TrainableOptions {
  /**
   * How many of a sample's last axes are normalised together: 1 for each pixel over its channels, 3 for a whole image.
   * Default: 1.
   */
  readonly axes?: number;
  /** Added to the variance, above 0. Default: 1e-5, as in PyTorch. */
  readonly epsilon?: number;
  /** Whether the values are multiplied by trained weights. Default: true. */
  readonly scale?: boolean;
  /** Whether trained biases are added. Default: true. */
  readonly shift?: boolean;
  /** How the weights start. Default: `{ kind: 'constant', value: 1 }`. */
  readonly weightInitializer?: Initializer;
  /** How the biases start. Default: `'zeros'`. */
  readonly biasInitializer?: Initializer;
}

const OPTIONS = {
  axes: withDefault(integer(1, 4), 1),
  epsilon: withDefault(positive, 1e-5),
  scale: withDefault(boolean, true),
  shift: withDefault(boolean, true),
  weightInitializer: withDefault(initializer, { kind: 'constant', value: 1 }),
  biasInitializer: withDefault(initializer, { kind: 'zeros' }),
};

/**
 * Normalises the values of a sample, over its last axis or several, by their own mean and variance (Ba et al. 2016), while
 * training and predicting alike: `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`. Keeps the shape.
 *
 * Weight and bias have the shape of the normalised axes, such as `[channels]`, with a value for each place in them (PyTorch's
 * `normalized_shape`).
 */
export function layerNorm(options: LayerNormOptions = {}): Layer<'asInput'> {
  return describeTrainable('layerNorm', options, OPTIONS);
}
