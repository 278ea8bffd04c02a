/** What all optimizers have in common. */
import { describe } from '../core/description.ts';
import { GradloomError } from '../core/errors.ts';
import { type Field, type FieldTable, oneOf, withDefault } from '../core/options.ts';
import { type LearningRate, learningRateRule } from '../schedules/learning-rate.ts';
import { type ParameterGroup, parameterGroups } from './groups.ts';
import type { Optimizer } from './optimizer.ts';

export interface CommonOptions {
  /** A number, a schedule such as `cosineDecay(...)`, or a function of the step (from 0). */
  readonly learningRate?: LearningRate;
  /** `'maximize'` climbs the loss. Default: `'minimize'`. */
  readonly direction?: 'minimize' | 'maximize';
  /** Parameters that are treated in another way. Default: none. */
  readonly groups?: readonly ParameterGroup[];
}

/** Of rules that train tables, of which a step touches some rows. */
export interface TableOptions {
  /**
   * How a step updates a row of a table (`sparseDense`, `embedding`, `embeddingBag`) that several entries of its batch name. `'sum'`: once,
   * by the sum of their gradients. `'sequential'`: by one after another, in the order in which they stand in the batch. `'hogwild'`: by
   * one after another as threads come to them, without locks, so that updates can be lost and, with `threads` above 1, two runs end
   * with different bits; rows of several numbers, and others that the same input names, as by `'sequential'`, which is faster. All gradients
   * are those at the step's start. Default: `'sum'`.
   */
  readonly duplicates?: 'sum' | 'sequential' | 'hogwild';
}

export const TABLE_OPTIONS = {
  duplicates: withDefault(oneOf('sum', 'sequential', 'hogwild'), 'sum'),
};

const COMMON = {
  direction: withDefault(oneOf('minimize', 'maximize'), 'minimize'),
  groups: withDefault(parameterGroups, []),
};

/** The option `learningRate` with an optimizer's own default. */
export function learningRate(fallback: number): Field<unknown> {
  return withDefault<unknown>(learningRateRule, fallback);
}

/** Checks an optimizer's options beside those that all have. */
export function describeOptimizer(kind: string, given: object | undefined, table: FieldTable): Optimizer {
  const optimizer = describe(kind, kind, given, { ...table, ...COMMON }) as Optimizer;
  const decaying = optimizer.groups.find(({ weightDecay }) => weightDecay !== undefined);
  if (decaying !== undefined && !Object.hasOwn(table, 'weightDecay')) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${kind}: a group sets weightDecay, which ${kind} does not have; leave it out`,
    );
  }
  return optimizer;
}
