import {
  cosineDecay,
  exponentialDecay,
  multiStepDecay,
  stepDecay,
  warmUp,
} from '../../lib/schedules/index.ts';
import { ratesOf, type Schedule } from '../../lib/schedules/schedule.ts';
import type { GoldenCase } from './fixtures.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

type Numbers = Readonly<Record<string, number>>;

/** torch's schedules by what their attributes are called. */
const SCHEDULES: Readonly<Record<string, (from: number, attributes: GoldenCase['attrs']) => Schedule>> = {
  schedule_step: (from, { step_size, gamma }) =>
    stepDecay({ from, every: step_size as number, factor: gamma as number }),
  schedule_multistep: (from, { milestones, gamma }) =>
    multiStepDecay({ from, milestones: milestones as number[], factor: gamma as number }),
  schedule_exponential: (from, { gamma }) => exponentialDecay({ from, factor: gamma as number }),
  schedule_cosine: (from, attributes) => cosine(from, attributes as Numbers),
  schedule_linear_warmup: (from, { total_iters, start_factor }) =>
    warmUp({ steps: total_iters as number, startFactor: start_factor as number, into: from }),
  schedule_warmup_cosine: (from, attributes) =>
    warmUp({
      steps: attributes.warmup as number,
      startFactor: attributes.start_factor as number,
      into: cosine(from, attributes as Numbers),
    }),
};

function cosine(from: number, { T_max = 0, eta_min = 0 }: Numbers): Schedule {
  return cosineDecay({ from, to: eta_min, steps: T_max });
}

export function compareSchedule(golden: GoldenCase): Comparison[] | undefined {
  const schedule = SCHEDULES[golden.name]?.(golden.attrs.base_lr as number, golden.attrs);
  const ref = golden.tensor('lr').data;
  if (schedule === undefined) return undefined;
  return [{ tensor: 'lr', got: ratesOf(schedule, 0, ref.length), ref, tolerance: TOLERANCES.rates }];
}
