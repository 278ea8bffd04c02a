import { oneOf, type Rule } from '../core/options.ts';

/**
 * The function behind a layer's products. `'linear'` is none; softmax and logSoftmax run over the last axis;
 * leakyRelu has slope 0.01, elu alpha 1. Functions whose derivative needs their input (gelu, silu, softplus) are
 * layers of their own.
 */
export type Activation =
  | 'linear'
  | 'relu'
  | 'tanh'
  | 'sigmoid'
  | 'softmax'
  | 'leakyRelu'
  | 'elu'
  | 'logSoftmax';

const named = oneOf('linear', 'relu', 'tanh', 'sigmoid', 'softmax', 'leakyRelu', 'elu', 'logSoftmax');

export const activation: Rule<Activation> = {
  ...named,
  expected: `${named.expected} (gelu(), silu() and softplus() are layers, to put behind it)`,
};

/** Which algorithm multiplies: the fixed rule over the layer's shape, or OpenBLAS whatever the rule says. */
export type Kernel = 'auto' | 'blas';

export const kernel: Rule<Kernel> = oneOf('auto', 'blas');
