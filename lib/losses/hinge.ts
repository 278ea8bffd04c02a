import { type Loss, MarginLoss } from './loss.ts';

/**
 * The hinge loss of support vector machines: the mean of `max(0, 1 - label * output)` over a sample's outputs.
 *
 * Outputs of any shape; labels are classes 0 and 1 (one output), which stand for -1 and 1, or values of -1 and
 * 1, one an output, where 0 stands for -1, as in Keras. At a margin of exactly 1 the gradient is 0.
 */
export function hinge(): Loss<'class' | 'values'> {
  return new Hinge();
}

class Hinge extends MarginLoss {
  readonly kind = 'hinge';
}
