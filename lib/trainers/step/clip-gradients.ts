import { oneOf, positive, type Rule, readOptions, required, withDefault } from '../../core/options.ts';

export interface ClipGradients {
  /**
   * What is held within the limit: `'globalNorm'`, the norm of all gradients together; `'norm'`, that of each
   * parameter's; `'value'`, each element. Norms and their factor are those of PyTorch's `clip_grad_norm_`.
   */
  readonly by: 'globalNorm' | 'norm' | 'value';
  readonly limit: number;
  /** Of a norm: the root of the sum of squares, or the largest absolute value. Default: `'euclidean'`. */
  readonly norm?: 'euclidean' | 'maximum';
}

const OPTIONS = {
  by: required(oneOf('globalNorm', 'norm', 'value')),
  limit: required(positive),
  norm: withDefault(oneOf('euclidean', 'maximum'), 'euclidean'),
};

export const clipGradients: Rule<Required<ClipGradients>> = {
  expected: "an object such as { by: 'globalNorm', limit: 1 }",
  read: (given) => {
    if (typeof given !== 'object' || given === null) return undefined;
    return readOptions('clipGradients', given, OPTIONS);
  },
};
