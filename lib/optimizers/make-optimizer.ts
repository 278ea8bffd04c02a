import { makeFrom } from '../core/description.ts';
import * as factories from './index.ts';
import type { Optimizer } from './optimizer.ts';

export function makeOptimizer(operation: string, given: unknown): Optimizer {
  return makeFrom<Optimizer>(operation, 'optimizer', given, factories);
}
