import { oneOf, type Rule } from '../core/options.ts';
import { gelu } from './gelu.ts';
import type { Layer } from './layer.ts';
import { silu } from './silu.ts';
import { softplus } from './softplus.ts';

/**
 * The function behind a layer's products. `'linear'` is none; softmax and logSoftmax run over the last axis;
 * leakyRelu has slope 0.01, elu alpha 1, gelu no approximation.
 */
export type Activation =
  | 'linear'
  | 'relu'
  | 'tanh'
  | 'sigmoid'
  | 'softmax'
  | 'leakyRelu'
  | 'elu'
  | 'gelu'
  | 'silu'
  | 'softplus'
  | 'logSoftmax';

export const activation: Rule<Activation> = oneOf(
  'linear',
  'relu',
  'tanh',
  'sigmoid',
  'softmax',
  'leakyRelu',
  'elu',
  'gelu',
  'silu',
  'softplus',
  'logSoftmax',
);

/**
 * Activations whose derivative needs their input, which a layer that writes its output alone does not keep: the
 * native side has them as layers of their own, behind the layer that names them.
 */
export const INPUT_ACTIVATIONS: ReadonlyMap<unknown, Layer> = new Map(
  [gelu(), silu(), softplus()].map((layer) => [layer.kind, layer]),
);

/** Which algorithm multiplies: the fixed rule over the layer's shape, or OpenBLAS whatever the rule says. */
export type Kernel = 'auto' | 'blas';

export const kernel: Rule<Kernel> = oneOf('auto', 'blas');
