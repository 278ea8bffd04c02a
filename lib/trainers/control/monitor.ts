/** The figure of epochs that decides: when to stop, when to slow down, which weights are the best. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, oneOf, optional, suggest, text } from '../../core/options.ts';
import type { Metric } from '../../metrics/metric.ts';

export interface MonitorOptions {
  /**
   * `'loss'`, a metric's name, or one of both of the validation set: `'validation.loss'`, `'validation.accuracy'`.
   * Default: `'validation.loss'`, or `'loss'` without a validation set.
   */
  readonly monitor?: string | undefined;
  /** Which figure is better. Default: `'min'` for the loss and for errors, `'max'` for other metrics. */
  readonly mode?: 'min' | 'max' | undefined;
}

export const MONITOR_OPTIONS = {
  monitor: optional(text),
  mode: optional(oneOf('min', 'max')),
};

/** The same, read; `option` is what errors call `monitor`. */
interface MonitorChoice {
  readonly option?: string;
  readonly monitor: string | undefined;
  readonly mode: 'min' | 'max' | undefined;
}

/** What a run watches. */
export interface Watched {
  readonly metrics: readonly Metric[];
  readonly isValidated: boolean;
}

const VALIDATION = 'validation.';

export class Monitor {
  readonly name: string;
  readonly mode: 'min' | 'max';
  /** If not, of training. */
  readonly isOfValidation: boolean;
  readonly #operation: string;

  /** Throws `INVALID_OPTION` for a figure that the run does not have, and for one without a natural order. */
  constructor(
    operation: string,
    { option = 'monitor', monitor, mode }: MonitorChoice,
    { metrics, isValidated }: Watched,
  ) {
    this.#operation = operation;
    this.name = monitor ?? (isValidated ? `${VALIDATION}loss` : 'loss');
    this.isOfValidation = this.name.startsWith(VALIDATION);
    const figure = this.isOfValidation ? this.name.slice(VALIDATION.length) : this.name;
    if (this.isOfValidation && !isValidated) {
      throw this.#invalid(
        `${option} is ${formatValue(this.name)}, and the run has no validation set; give one to fit`,
      );
    }
    const metric = metrics.find(({ kind }) => kind === figure);
    if (figure !== 'loss' && metric === undefined) {
      const known = ['loss', ...metrics.map(({ kind }) => kind)];
      const names = isValidated ? [...known, ...known.map((name) => VALIDATION + name)] : known;
      throw this.#invalid(
        `${option} ${formatValue(this.name)} is no figure of the run; ${suggest(this.name, names)}`,
      );
    }
    if (metric !== undefined && metric.form !== 'number') {
      throw this.#invalid(
        `${option} ${formatValue(this.name)} is a ${metric.form} of numbers, and only a number can be watched; choose another figure`,
      );
    }
    const natural = metric === undefined || metric.better === 'lower' ? 'min' : 'max';
    if (mode === undefined && metric !== undefined && metric.better === undefined) {
      throw this.#invalid(`mode is missing; whether ${this.name} should be "min" or "max" is yours to say`);
    }
    this.mode = mode ?? natural;
  }

  /** The figure of an epoch. Throws `INVALID_DATA` for a custom one that is no number. */
  read(record: object): number {
    let value: unknown = record;
    for (const key of this.isOfValidation
      ? ['validation', this.name.slice(VALIDATION.length)]
      : [this.name]) {
      value = (value as Readonly<Record<string, unknown>>)[key];
    }
    if (typeof value === 'number') return value;
    throw new GradloomError(
      'INVALID_DATA',
      `${this.#operation}: ${this.name} is ${formatValue(value)}, and only a number can be watched; choose another figure`,
    );
  }

  /** Whether a figure is better than the best by more than `minDelta`. NaN is never better, everything is than none. */
  isBetter(value: number, best: number | undefined, minDelta = 0): boolean {
    if (best === undefined) return !Number.isNaN(value);
    return this.mode === 'min' ? value < best - minDelta : value > best + minDelta;
  }

  #invalid(message: string): GradloomError {
    return new GradloomError('INVALID_OPTION', `${this.#operation}: ${message}`);
  }
}
