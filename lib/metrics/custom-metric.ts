import { GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, readOptions, required, text } from '../core/options.ts';
import type { NativeFigure, NativeSamplesSeen, Spec } from '../native/index.ts';
import { type Figure, Metric } from './metric.ts';

/** Everything a model gave for the samples of a set, one after another. */
export interface MetricPredictions {
  /** `[samples, outputs of one]`: what the last layer gives, logits under a cross-entropy loss. */
  readonly data: Float32Array;
  readonly samples: number;
}

/** Labels as the loss compares them: a class a sample, or as many values as outputs. */
export type MetricTargets = Int32Array | Float32Array;

export interface CustomMetricOptions<Name extends string, Value extends Figure> {
  /** The name under which evaluations and epochs show the figure. */
  readonly name: Name;
  /** Called on the event loop, at once, not awaited. What it throws ends the run or evaluation. */
  readonly compute: (predictions: MetricPredictions, targets: MetricTargets) => Value;
}

type Compute = (predictions: MetricPredictions, targets: MetricTargets) => unknown;

const OPTIONS = {
  name: required(text),
  compute: required(guardedBy('a function', (given): given is Compute => typeof given === 'function')),
};

/** What epochs and evaluations say beside metrics. */
const TAKEN: ReadonlySet<string> = new Set([
  'loss',
  'epoch',
  'steps',
  'skippedSteps',
  'rateScale',
  'seconds',
  'validationSeconds',
  'samplesPerSecond',
  'peakMemory',
  'validation',
]);

/**
 * A metric of your own: a number, a list or a matrix, from the predictions and labels of all samples. In evaluations,
 * in validation, and in the epochs of training, there over predictions as of the steps they were made in.
 *
 * All outputs and labels are kept, 4 bytes for each, and copied for `compute` at an epoch's end; samples that the loss
 * ignores are among them. Trainers are saved with the metric's name only: `Trainer.load` takes it as one of its
 * `custom` functions.
 *
 * Throws `INVALID_OPTION` for a name that epochs use for something else.
 *
 * @example
 * const bias = customMetric({
 *   name: 'bias',
 *   compute: ({ data }, targets) => data.reduce((sum, value, i) => sum + value - (targets[i] ?? 0), 0) / data.length,
 * });
 * const { bias: figure } = await model.evaluate(test, { metrics: [bias] });
 */
export function customMetric<const Name extends string, Value extends Figure = number>(
  options: CustomMetricOptions<Name, Value>,
): Metric<Name, Value> {
  const { name, compute } = readOptions('customMetric', options, OPTIONS);
  if (TAKEN.has(name)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `customMetric: name cannot be ${formatValue(name)}, which epochs have for something else; choose another`,
    );
  }
  return new CustomMetric<Name, Value>(name as Name, compute);
}

/** How files name a custom metric. */
const KIND = 'custom';

export class CustomMetric<Name extends string = string, Value extends Figure = Figure> extends Metric<
  Name,
  Value
> {
  readonly kind: Name;
  override readonly better = undefined;
  readonly #compute: Compute;

  constructor(name: Name, compute: Compute) {
    super();
    this.kind = name;
    this.#compute = compute;
  }

  checkLoss(): undefined {
    return undefined;
  }

  override toSpec(): Spec {
    return { kind: KIND, name: this.kind };
  }

  override read(_figure: NativeFigure, samples: NativeSamplesSeen): Value {
    const { outputs, labels, count } = samples;
    const figure = this.#compute({ data: outputs, samples: count }, labels);
    if (isFigure(figure)) return figure as Value;
    throw new GradloomError(
      'INVALID_DATA',
      `the custom metric ${this.kind} must return a number, a list or a matrix of numbers, got ${formatValue(figure)}`,
    );
  }
}

function isFigure(given: unknown): given is Figure {
  return typeof given === 'number' || (Array.isArray(given) && [...given].every(isFigure));
}

/** The name of a custom metric in a description from a file; undefined for another metric. */
export function nameOfCustom(given: unknown): string | undefined {
  if (typeof given !== 'object' || given === null || !('kind' in given) || given.kind !== KIND)
    return undefined;
  return 'name' in given && typeof given.name === 'string' ? given.name : '';
}
