import { type Loss, MarginLoss } from './loss.ts';

/**
 * The mean of `max(0, 1 - label * output)^2` over a sample's outputs: hinge without its kink. Outputs and
 * labels as for `hinge`.
 */
export function squaredHinge(): Loss<'class' | 'values'> {
  return new SquaredHinge();
}

class SquaredHinge extends MarginLoss {
  readonly kind = 'squaredHinge';
}
