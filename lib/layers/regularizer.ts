import { nonNegative, type Rule, readOptions, withDefault } from '../core/options.ts';

/**
 * A penalty on large weights, whose gradient is added to the loss's, as in Keras: `l1 * sum(|w|) + l2 * sum(w^2)`.
 * Neither is divided by the number of samples. The losses that are reported are without it; an epoch's record has it
 * as `penalty`.
 */
export interface Regularizer {
  /** Default: 0. */
  readonly l1?: number;
  /** Default: 0. */
  readonly l2?: number;
}

const OPTIONS = { l1: withDefault(nonNegative, 0), l2: withDefault(nonNegative, 0) };

export const regularizer: Rule<Required<Regularizer>> = {
  expected: 'an object such as { l2: 1e-4 }',
  read: (given) => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
    return readOptions('weightRegularizer', given, OPTIONS);
  },
};
