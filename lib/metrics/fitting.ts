/** What outputs mean under a loss, and which metric fits them. */
import type { Loss } from '../losses/loss.ts';

const MEANINGS: Readonly<Record<Loss['outputs'], readonly [outputs: string, fitting: string]>> = {
  classLogits: ['logits, one a class', 'accuracy'],
  binaryLogits: ['logits of yes or no', 'binaryAccuracy'],
  margins: ['margins', 'binaryAccuracy'],
  logRates: ['logarithms of expected counts', 'a customMetric'],
  values: ['values', 'rootMeanSquaredError'],
};

/** The remark on a metric that does not fit a loss; `needs` completes "the metric precision ...". */
export function misfit(metric: string, needs: string, { kind, outputs, labelKinds }: Loss): string {
  const [meaning, fitting] = MEANINGS[outputs];
  if (outputs === 'classLogits' && !labelKinds.includes('class')) {
    return `the metric ${metric} ${needs}, and this ${kind} takes distributions; use a customMetric`;
  }
  return `the metric ${metric} ${needs}, and under ${kind} outputs are ${meaning}; use ${fitting}`;
}

/** Where an output counts as yes: above 0 for logits and margins, else above one half. */
export function defaultThreshold({ outputs }: Loss): number {
  return outputs === 'binaryLogits' || outputs === 'margins' ? 0 : 0.5;
}

/** Whether samples are of classes, and outputs are logits, one a class. */
export function tellsClasses({ outputs, labelKinds }: Loss): boolean {
  return outputs === 'classLogits' && labelKinds.includes('class');
}

/** Whether each output answers yes or no. */
export function answersYesOrNo({ outputs }: Loss): boolean {
  return outputs !== 'classLogits' && outputs !== 'logRates';
}
