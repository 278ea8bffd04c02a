import { boolean, extent, required, withDefault } from '../core/options.ts';
import { type Activation, activation } from './activation.ts';
import { type Initializer, initializer } from './initializer.ts';
import { describeTrainable, type Layer } from './layer.ts';
import { dtype, type TableOptions } from './table.ts';

export interface SparseDenseOptions<Units extends number = number> extends TableOptions {
  /** Number of outputs. */
  readonly units: Units;
  /** Default: `'linear'`. */
  readonly activation?: Activation;
  /** Whether a bias is added. Default: true. */
  readonly bias?: boolean;
  /** How the weights start. Default: `'glorotUniform'`. */
  readonly weightInitializer?: Initializer;
  /** How the bias starts. Default: `'zeros'`. */
  readonly biasInitializer?: Initializer;
}

const OPTIONS = {
  units: required(extent),
  activation: withDefault(activation, 'linear'),
  bias: withDefault(boolean, true),
  weightInitializer: withDefault(initializer, { kind: 'glorotUniform' }),
  biasInitializer: withDefault(initializer, { kind: 'zeros' }),
  dtype,
};

/**
 * `dense` for sparse samples (`fromSparse`): the same numbers, `y = activation(W x + b)`, at the cost of the features that
 * are there, however many there are. With one unit and `'sigmoidBinaryCrossEntropy'` a logistic regression.
 *
 * Input `[features]`, a model's own; output `[units]`; weight `[units, features]`, bias `[units]`.
 *
 * @example
 * const model = sequential({ inputShape: [262144] }, [sparseDense({ units: 1 })]);
 */
export function sparseDense<const Units extends number>(
  options: SparseDenseOptions<Units>,
): Layer<readonly [Units]> {
  return describeTrainable('sparseDense', options, OPTIONS);
}
