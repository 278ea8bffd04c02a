/** A learning rate as an option: a number, a schedule, or a function of the step. */
import { nonNegative, type Rule } from '../core/options.ts';
import { customSchedule, isSchedule, type Schedule } from './schedule.ts';

/** A schedule's steps count from 0; a function's result has to be finite and at least 0. */
export type LearningRate = number | Schedule | ((step: number) => number);

export const learningRateRule: Rule<number | Schedule> = {
  expected: 'a finite number of at least 0, a schedule such as cosineDecay(...), or a function of the step',
  read: (given) => {
    if (typeof given === 'function') return customSchedule(given as (step: number) => number);
    if (isSchedule(given)) return given;
    return nonNegative.read(given);
  },
};

/** A number as the schedule that it stands for. */
export function toSchedule(rate: number | Schedule): Schedule {
  return typeof rate === 'number' ? customSchedule(() => rate) : rate;
}
