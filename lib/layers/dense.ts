import { boolean, extent, optional, required, withDefault } from '../core/options.ts';
import { type Activation, activation, type Kernel, kernel } from './activation.ts';
import { type Initializer, initializer } from './initializer.ts';
import { describeTrainable, type Layer, type TrainableOptions } from './layer.ts';
import { type Regularizer, regularizer } from './regularizer.ts';

export interface DenseOptions<Units extends number = number> extends TrainableOptions {
  /** Number of outputs. */
  readonly units: Units;
  /** Default: `'linear'`. */
  readonly activation?: Activation;
  /** Whether a bias is added. Default: true. */
  readonly bias?: boolean;
  /** Default: `'auto'`. */
  readonly kernel?: Kernel;
  /** How the weights start. Default: `'glorotUniform'`. */
  readonly weightInitializer?: Initializer;
  /** How the bias starts. Default: `'zeros'`. */
  readonly biasInitializer?: Initializer;
  /** A penalty on large weights, such as `{ l2: 1e-4 }`. Default: none. */
  readonly weightRegularizer?: Regularizer;
}

const OPTIONS = {
  units: required(extent),
  activation: withDefault(activation, 'linear'),
  bias: withDefault(boolean, true),
  kernel: withDefault(kernel, 'auto'),
  weightInitializer: withDefault(initializer, { kind: 'glorotUniform' }),
  biasInitializer: withDefault(initializer, { kind: 'zeros' }),
  weightRegularizer: optional(regularizer),
};

/**
 * Every output is a weighted sum of all inputs: `y = activation(W x + b)`.
 *
 * Input `[n]`, output `[units]`; weight `[units, n]`, bias `[units]`. A map becomes
 * `[n]` by `flatten()`.
 */
export function dense<const Units extends number>(options: DenseOptions<Units>): Layer<readonly [Units]> {
  return describeTrainable('dense', options, OPTIONS);
}
