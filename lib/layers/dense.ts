import { boolean, extent, required, withDefault } from '../core/options.ts';
import { type Activation, activation, type Kernel, kernel } from './activation.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface DenseOptions<Units extends number = number> extends NamedOptions {
  /** Number of outputs. */
  readonly units: Units;
  /** Default: `'linear'`. */
  readonly activation?: Activation;
  /** Whether a bias is added. Default: true. */
  readonly bias?: boolean;
  /** Default: `'auto'`. */
  readonly kernel?: Kernel;
}

const OPTIONS = {
  units: required(extent),
  activation: withDefault(activation, 'linear'),
  bias: withDefault(boolean, true),
  kernel: withDefault(kernel, 'auto'),
};

/**
 * Every output is a weighted sum of all inputs: `y = activation(W x + b)`.
 *
 * Input `[n]`, output `[units]`; weight `[units, n]` (Glorot uniform), bias `[units]` (zeros). A map becomes
 * `[n]` by `flatten()`.
 */
export function dense<const Units extends number>(options: DenseOptions<Units>): Layer<readonly [Units]> {
  return describeLayer('dense', options, OPTIONS);
}
