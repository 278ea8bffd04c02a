/** Metrics that a caller says a saved trainer has: types know them then, so what is said is compared with the file. */
import { GradloomError } from '../core/errors.ts';
import { anything, listOf, optional } from '../core/options.ts';
import { CustomMetric } from '../metrics/custom-metric.ts';
import type { ModelState } from '../models/model-state.ts';
import { makeObjective, type Objective, toNativeObjective } from '../models/objective.ts';
import type { Custom } from './custom.ts';

export const statedMetrics = optional(anything('the metrics that the trainer has, such as ["accuracy"]'));

/** The custom ones in a list, or in lists by head. */
export function customAmong(metrics: unknown): Custom {
  if (typeof metrics !== 'object' || metrics === null) return [];
  return Object.values(metrics)
    .flat()
    .filter((metric) => metric instanceof CustomMetric);
}

/** A figure's type may depend on its metric's options, so these count, too. */
export function checkStatedMetrics(
  operation: string,
  model: ModelState,
  { objective, metrics }: { readonly objective: Objective; readonly metrics: unknown },
): void {
  if (metrics === undefined) return;
  const stated = makeObjective(operation, model, { loss: objective.loss, lossWeights: undefined, metrics });
  const has = new Set(toNativeObjective(objective).metrics.map((spec) => JSON.stringify(spec)));
  const place = toNativeObjective(stated).metrics.findIndex((spec) => !has.has(JSON.stringify(spec)));
  if (place < 0) return;
  const names = objective.metrics.map(({ kind }) => kind);
  const name = stated.metrics[place]?.kind as string;
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: metrics must be some of the saved trainer's, ${names.length === 0 ? 'which has none' : listOf(names)}, ` +
      `got ${name}${names.includes(name) ? ' with other options' : ''}; leave it out, or ask model.evaluate for it`,
  );
}
