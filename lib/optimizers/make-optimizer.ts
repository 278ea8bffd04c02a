import { makeFrom } from '../core/description.ts';
import { makeLearningRate } from '../schedules/make-schedule.ts';
import * as factories from './index.ts';
import type { Optimizer } from './optimizer.ts';

export function makeOptimizer(operation: string, given: unknown): Optimizer {
  const described =
    typeof given === 'object' && given !== null && 'learningRate' in given
      ? { ...given, learningRate: makeLearningRate(operation, given.learningRate) }
      : given;
  return makeFrom<Optimizer>(operation, 'optimizer', described, factories);
}
