import type { Loss } from '../losses/loss.ts';
import type { Spec } from '../native.ts';

/** A figure to watch beside the loss. It appears in evaluations and epochs under its kind. */
export abstract class Metric<Kind extends string = string> {
  abstract readonly kind: Kind;

  /** What is wrong with this metric beside `loss`, or undefined. */
  abstract checkLoss(loss: Loss): string | undefined;

  /** The metric as the native side reads it, for a network trained with `loss`. */
  toSpec(_loss: Loss): Spec {
    return { kind: this.kind };
  }
}
