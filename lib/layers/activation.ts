import { oneOf, type Rule } from '../core/options.ts';

/** The function behind a layer's products. `'linear'` is none; softmax runs over the last axis. */
export type Activation = 'linear' | 'relu' | 'tanh' | 'sigmoid' | 'softmax';

export const activation: Rule<Activation> = oneOf('linear', 'relu', 'tanh', 'sigmoid', 'softmax');

/** Which algorithm multiplies: the fixed rule over the layer's shape, or OpenBLAS whatever the rule says. */
export type Kernel = 'auto' | 'blas';

export const kernel: Rule<Kernel> = oneOf('auto', 'blas');
