import type { Spec } from '../native/index.ts';
import type { Schedule } from '../schedules/schedule.ts';
import type { NamedGroup } from './groups.ts';

/** An optimizer's description, frozen data: its kind and its options with the defaults filled in. */
export interface Optimizer {
  readonly kind: string;
  readonly learningRate: number | Schedule;
  readonly groups: readonly NamedGroup[];
  readonly weightDecay?: number;
  readonly [option: string]: unknown;
}

/** Whether all steps must have one rate: the state of FTRL holds weights times the rate that they were moved by. */
export function hasFixedRate({ kind }: { readonly kind: string }): boolean {
  return kind === 'ftrl';
}

/** What the native side reads: the learning rate is a number there, and groups are the trainer's matter. */
export function toNativeOptimizer({ groups: _, learningRate, ...options }: Optimizer): Spec {
  return {
    ...options,
    learningRate: typeof learningRate === 'number' ? learningRate : learningRate.at(0),
  } as unknown as Spec;
}
