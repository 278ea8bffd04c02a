/**
 * The loss and the metrics that a caller says a saved trainer has: types know them then, so what is said is compared with
 * the file.
 */
import { GradloomError } from '../../core/errors.ts';
import { anything, listOf, optional } from '../../core/options.ts';
import { CustomLoss } from '../../losses/custom-loss.ts';
import { HeadsLoss } from '../../losses/heads-loss.ts';
import type { Loss } from '../../losses/loss.ts';
import { CustomMetric } from '../../metrics/custom-metric.ts';
import type { Metric } from '../../metrics/metric.ts';
import type { ModelState } from '../../models/model-state.ts';
import { makeObjective, type Objective, toNativeObjective } from '../../models/objective.ts';
import type { Custom } from './custom.ts';

export const STATED = {
  loss: optional(anything('the loss that the trainer has, such as "softmaxCrossEntropy"')),
  metrics: optional(anything('the metrics that the trainer has, such as ["accuracy"]')),
};

export interface Stated {
  readonly loss: unknown;
  readonly metrics: unknown;
}

/** The custom ones, alone, in a list, or in lists by head. */
export function customAmong({ loss, metrics }: Stated): Custom {
  const lists = typeof metrics === 'object' && metrics !== null ? Object.values(metrics) : [];
  return [loss, ...lists.flat()].filter(
    (each): each is Loss | Metric => each instanceof CustomLoss || each instanceof CustomMetric,
  );
}

export function checkStated(
  operation: string,
  model: ModelState,
  { objective, stated }: { readonly objective: Objective; readonly stated: Stated },
): void {
  if (stated.loss !== undefined) checkLoss(operation, model, objective, stated.loss);
  if (stated.metrics !== undefined) checkMetrics(operation, model, objective, stated.metrics);
}

/** With its options, as a metric's; what heads count in the sum is the trainer's. */
function checkLoss(operation: string, model: ModelState, objective: Objective, given: unknown): void {
  const { loss: stated } = makeObjective(operation, model, {
    loss: given,
    lossWeights: undefined,
    metrics: [],
  });
  const has = lossesOf(objective.loss);
  for (const [head, loss] of lossesOf(stated)) {
    const saved = has.get(head);
    if (JSON.stringify(loss.toSpec()) === JSON.stringify(saved?.toSpec())) continue;
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: loss${head} must be the saved trainer's, ${saved?.kind ?? objective.loss.kind}, got ${loss.kind}` +
        `${loss.kind === saved?.kind ? ' with other options' : ''}; leave it out, or begin with a new trainer`,
    );
  }
}

/** By head, as errors name it. */
function lossesOf(loss: Loss): ReadonlyMap<string, Loss> {
  if (!(loss instanceof HeadsLoss) || loss.heads.length === 0) return new Map([['', loss]]);
  return new Map(loss.heads.map((head) => [`.${head.name}`, head.loss]));
}

/** A figure's type may depend on its metric's options, so these count, too. */
function checkMetrics(operation: string, model: ModelState, objective: Objective, given: unknown): void {
  const stated = makeObjective(operation, model, {
    loss: objective.loss,
    lossWeights: undefined,
    metrics: given,
  });
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
