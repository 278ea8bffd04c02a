import type { Loss } from '../losses/loss.ts';
import { Metric } from './metric.ts';

/** The share of samples whose largest output is that of the labelled class. */
export function accuracy(): Metric<'accuracy', number> {
  return new Accuracy();
}

class Accuracy extends Metric<'accuracy', number> {
  readonly kind = 'accuracy';

  checkLoss({ kind, labelKinds, outputs }: Loss): string | undefined {
    if (outputs === 'classLogits') {
      if (labelKinds.includes('class')) return undefined;
      return `the metric accuracy needs labels that are classes, and this ${kind} takes distributions; leave it out`;
    }
    const instead =
      outputs === 'binaryLogits' || outputs === 'margins'
        ? 'binaryAccuracy'
        : outputs === 'logRates'
          ? 'a customMetric'
          : 'meanAbsoluteError';
    return `the metric accuracy looks for the largest of several classes' outputs, which ${kind} does not have; use ${instead}`;
  }
}
