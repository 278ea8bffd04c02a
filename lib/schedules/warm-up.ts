import { extent, fraction, required, withDefault } from '../core/options.ts';
import { type LearningRate, learningRateRule, toSchedule } from './learning-rate.ts';
import { describeSchedule, type Schedule } from './schedule.ts';

export interface WarmUpOptions {
  readonly steps: number;
  /** What share of the rate the first step has. Default: 0. */
  readonly startFactor?: number;
  /** The rate behind the warm-up: a number, or a schedule whose steps count from there. */
  readonly into: LearningRate;
}

const OPTIONS = {
  steps: required(extent),
  startFactor: withDefault(fraction, 0),
  into: required(learningRateRule),
};

/** Rises in a straight line to the first rate of `into`, which follows. */
export function warmUp(options: WarmUpOptions): Schedule {
  return describeSchedule('warmUp', options, OPTIONS, ({ steps, startFactor, into }, step) => {
    const later = toSchedule(into);
    if (step >= steps) return later.at(step - steps);
    return later.at(0) * (startFactor + (1 - startFactor) * (step / steps));
  });
}
