import { makeFrom } from '../core/description.ts';
import { MissingFunction } from '../core/errors.ts';
import * as factories from './index.ts';
import { isSchedule, type Schedule } from './schedule.ts';

/** A learning rate from its description, as files hold it. Refuses the trace of a function, which no file holds. */
export function makeLearningRate(operation: string, given: unknown): unknown {
  if (typeof given !== 'object' || given === null || isSchedule(given) || !('kind' in given)) return given;
  if (given.kind === 'custom') {
    throw new MissingFunction(
      `${operation}: the learning rate was a function, which no file holds; give it again as the option learningRate`,
    );
  }
  const options = Object.entries(given).map(([name, value]) => [name, makeLearningRate(operation, value)]);
  return makeFrom<Schedule>(operation, 'learningRate', Object.fromEntries(options), factories);
}
