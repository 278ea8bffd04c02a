import { makeFrom } from '../core/description.ts';
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Loss } from '../losses/loss.ts';
import * as factories from './index.ts';
import { Metric } from './metric.ts';

type Metrics = { readonly [Kind in keyof typeof factories]: ReturnType<(typeof factories)[Kind]> };

/** A metric by its name, `'accuracy'`, or as made by its function, `accuracy()`. */
export type MetricChoice = keyof Metrics | Metric;

type NameOf<Choice extends MetricChoice> = Choice extends Metric<infer Kind> ? Kind : Choice;
type ValueOf<Choice extends MetricChoice> =
  (Choice extends keyof Metrics ? Metrics[Choice] : Choice) extends Metric<string, infer Value>
    ? Value
    : never;

/** The figures of chosen metrics, each under its name and of its type: `{ accuracy: number }`. */
export type FiguresOf<Choice extends MetricChoice> = {
  readonly [Each in Choice as NameOf<Each>]: ValueOf<Each>;
};

/** Reads a list of metrics to watch beside `loss`. */
export function makeMetrics(
  operation: string,
  given: unknown,
  loss: Loss,
  outputShape: Shape,
): readonly Metric[] {
  if (!Array.isArray(given)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: metrics must be a list such as ["accuracy"], got ${formatValue(given)}`,
    );
  }
  const metrics: readonly Metric[] = given.map((item: unknown, index) =>
    item instanceof Metric ? item : makeFrom<Metric>(operation, `metrics[${index}]`, item, factories),
  );
  for (const [index, metric] of metrics.entries()) {
    const twice = metrics.findIndex(({ kind }) => kind === metric.kind) < index;
    const problem = twice ? `the metric ${metric.kind} is named twice` : metric.checkLoss(loss, outputShape);
    if (problem !== undefined) throw new GradloomError('INVALID_OPTION', `${operation}: ${problem}`);
  }
  return Object.freeze(metrics);
}
