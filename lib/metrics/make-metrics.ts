import { makeFrom } from '../core/description.ts';
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { type HeadOutput, type HeadsLoss, readByHead } from '../losses/heads-loss.ts';
import type { Loss } from '../losses/loss.ts';
import type { LossChoice } from '../losses/make-loss.ts';
import { HeadLossFigure, HeadMetric } from './head-metric.ts';
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

/** A list of metrics, or one for each head that has some: `{ species: ['accuracy'] }`. */
export type MetricChoices = readonly MetricChoice[] | HeadMetrics;

/** Metrics by the names of heads. */
export type HeadMetrics = { readonly [head: string]: readonly MetricChoice[] };

/** The figures of chosen metrics; those of heads, and the heads' losses, are called `species_accuracy`, `species_loss`. */
export type FiguresFor<
  Metrics extends MetricChoices,
  Losses = LossChoice,
> = (Metrics extends readonly MetricChoice[]
  ? FiguresOf<Metrics[number]>
  : Metrics extends HeadMetrics
    ? Merged<{
        [Head in keyof Metrics & string]: {
          readonly [Each in Metrics[Head][number] as `${Head}_${NameOf<Each>}`]: ValueOf<Each>;
        };
      }>
    : never) &
  ([Losses] extends [LossChoice]
    ? unknown
    : { readonly [Head in keyof Losses & string as `${Head}_loss`]: number });

/** All entries' entries, as those of one object. */
export type Merged<Entries> = {
  [Key in keyof Entries]: (entry: Entries[Key]) => void;
}[keyof Entries] extends (entry: infer All) => void
  ? All
  : unknown;

/** Reads metrics by head; behind them stand the figures of the heads' losses. */
export function makeHeadMetrics(
  operation: string,
  given: unknown,
  loss: HeadsLoss,
  heads: readonly HeadOutput[],
): readonly Metric[] {
  // A list of none is what is meant by no metrics.
  const none = Array.isArray(given) && given.length === 0;
  const lists = readByHead(operation, 'metrics', none ? {} : given, heads);
  const metrics = loss.heads.flatMap((head) =>
    makeMetrics(`${operation}: head "${head.name}"`, lists[head.name] ?? [], head.loss, head.shape).map(
      (metric) => new HeadMetric(loss, head, metric),
    ),
  );
  return Object.freeze([...metrics, ...loss.heads.map(({ name }) => new HeadLossFigure(name))]);
}

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
  const metrics: readonly Metric[] = [...given].map((item: unknown, index) =>
    item instanceof Metric ? item : makeFrom<Metric>(operation, `metrics[${index}]`, item, factories),
  );
  for (const [index, metric] of metrics.entries()) {
    const twice = metrics.findIndex(({ kind }) => kind === metric.kind) < index;
    const problem = twice ? `the metric ${metric.kind} is named twice` : metric.checkLoss(loss, outputShape);
    if (problem !== undefined) throw new GradloomError('INVALID_OPTION', `${operation}: ${problem}`);
  }
  return Object.freeze(metrics);
}
