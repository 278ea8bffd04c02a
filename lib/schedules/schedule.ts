/** A learning rate that changes with the step. */
import { describe } from '../core/description.ts';
import { GradloomError } from '../core/errors.ts';
import { type FieldTable, formatValue, type OptionsOf } from '../core/options.ts';

/** Plain frozen data, `{ kind, ...options }`, and what they come to. */
export interface Schedule {
  readonly kind: string;
  /** The learning rate of a step; the first step is 0. */
  at(step: number): number;
}

/** Describes a schedule; `at` is not part of the data, so that a description can be saved and compared. */
export function describeSchedule<Table extends FieldTable>(
  kind: string,
  given: object | undefined,
  table: Table,
  rule: (options: OptionsOf<Table>, step: number) => number,
): Schedule {
  const description = { ...describe(kind, kind, given, table) } as OptionsOf<Table>;
  const at = (step: number) => rule(description, step);
  return Object.freeze(Object.defineProperty(description, 'at', { value: at })) as unknown as Schedule;
}

/** A user's function of the step. It cannot be saved. */
export function customSchedule(at: (step: number) => number): Schedule {
  return Object.freeze(Object.defineProperty({ kind: 'custom' }, 'at', { value: at })) as Schedule;
}

export function isSchedule(given: unknown): given is Schedule {
  // Arrays have an `at`, too.
  const { kind, at } = (given ?? {}) as Readonly<Record<string, unknown>>;
  return typeof given === 'object' && typeof kind === 'string' && typeof at === 'function';
}

/** The rates of `count` steps from `first` on; what a user's function throws is thrown on. */
export function ratesOf(schedule: Schedule, first: number, count: number): Float64Array {
  const rates = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const rate: unknown = schedule.at(first + i);
    if (typeof rate !== 'number' || !Number.isFinite(Math.fround(rate)) || rate < 0) {
      throw new GradloomError(
        'INVALID_OPTION',
        `learningRate: the schedule must give a finite number of at least 0, got ${formatValue(rate)} for step ${first + i}`,
      );
    }
    rates[i] = rate;
  }
  return rates;
}
