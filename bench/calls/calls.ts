/** Workloads that are timed call by call, beside those that `Trainer.fit` trains. */

import { toSixDigits } from '../command-line/table.ts';
import type { StepTiming } from '../timing/steps.ts';
import { INFER_WORKLOADS, timeInference } from './infer.ts';
import { SKIP_GRAM, timeSkipGram } from './skip-gram.ts';
import { COMPILE, LOAD, timeCompiling, timeLoading } from './start-up.ts';
import { timeUpdate, UPDATE_WORKLOADS } from './update.ts';

export const CALLS: readonly string[] = [SKIP_GRAM, ...INFER_WORKLOADS, ...UPDATE_WORKLOADS, LOAD, COMPILE];

export interface CallFigures {
  readonly timing: StepTiming;
  /** Of a call. */
  readonly samples: number;
  readonly flops?: number;
  readonly memory?: { readonly bytes: number; readonly workingSet: number };
  readonly losses?: readonly [first: number, last: number];
  readonly notes: readonly string[];
}

export async function timeCall(
  workload: string,
  /** Parameters of an update. */
  size: number,
  settings: { readonly threads: number; readonly windowSeconds: number },
): Promise<CallFigures> {
  if (workload === SKIP_GRAM) {
    const timing = timeSkipGram(settings);
    const losses = [timing.lossFirst, timing.lossLast] as const;
    return { timing, samples: timing.pairs, flops: timing.flops, losses, notes: ['samples are pairs'] };
  }
  if (INFER_WORKLOADS.includes(workload)) {
    const timing = await timeInference(workload, settings);
    return { timing, samples: timing.samples, flops: timing.flops, notes: [timing.call] };
  }
  if (workload === LOAD) return { timing: timeLoading(), samples: 1, notes: ['a sample is a process'] };
  if (workload === COMPILE)
    return { timing: timeCompiling(settings), samples: 1, notes: ['a sample is a plan'] };
  const timing = timeUpdate(workload, { size, ...settings });
  const rate = `${toSixDigits(timing.gigabytesPerSecond)} GB/s at ${toSixDigits(timing.bytesPerParameter)} bytes a parameter`;
  const memory = { bytes: timing.bytesPerParameter * size, workingSet: timing.workingSet };
  return { timing, samples: size, memory, notes: [rate, `${size} parameters (samples)`] };
}
