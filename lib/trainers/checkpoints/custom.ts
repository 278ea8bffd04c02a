/** The losses and metrics that a user's functions compute: files hold their names, and who loads one gives them again. */
import { GradloomError, MissingFunction } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { CustomLoss, NamedLoss } from '../../losses/custom-loss.ts';
import type { Loss } from '../../losses/loss.ts';
import { CustomMetric, nameOfCustom } from '../../metrics/custom-metric.ts';
import { HEAD } from '../../metrics/head-metric.ts';
import type { Metric } from '../../metrics/metric.ts';

/** What a caller has given. */
export type Custom = readonly (Loss | Metric)[];

export function readCustom(operation: string, given: unknown): Custom {
  const fits = (item: unknown): item is Loss | Metric =>
    item instanceof CustomLoss || item instanceof CustomMetric;
  if (Array.isArray(given) && [...given].every(fits)) return given;
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: custom must be a list of what customLoss and customMetric made, got ${formatValue(given)}`,
  );
}

/** The loss itself, or the one of its name among the given ones. */
export function findLoss(loss: Loss, custom: Custom): Loss {
  if (!(loss instanceof NamedLoss)) return loss;
  const found = custom.find((item) => item instanceof CustomLoss && item.kind === loss.kind) as
    | Loss
    | undefined;
  if (found === undefined) return loss;
  const [saved, given] = [loss.toSpec(), found.toSpec()];
  const option = ['labels', 'outputs'].find((each) => saved[each] !== given[each]);
  if (option === undefined) return found;
  throw new MissingFunction(
    `Trainer.load: the custom loss ${formatValue(loss.kind)} has the ${option} ${formatValue(saved[option])}, got one with ${formatValue(given[option])}; give the one that was trained with`,
  );
}

function isOfHead(description: unknown): description is { readonly metric: unknown } {
  return (
    typeof description === 'object' &&
    description !== null &&
    'kind' in description &&
    description.kind === HEAD
  );
}

/** The description of a metric itself, or the custom metric of its name. */
export function findMetric(description: unknown, custom: Custom): unknown {
  if (isOfHead(description)) return { ...description, metric: findMetric(description.metric, custom) };
  const name = nameOfCustom(description);
  if (name === undefined) return description;
  const found = custom.find((item) => item instanceof CustomMetric && item.kind === name);
  if (found !== undefined) return found;
  throw new MissingFunction(
    `Trainer.load: the custom metric ${formatValue(name)} is known by its name only, as files hold no functions; give it again, { custom: [customMetric(...)] }`,
  );
}
