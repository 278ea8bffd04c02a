/** What comes before the first step: loading the addon, and compiling a plan. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type StepTiming, timeSteps } from '../timing/steps.ts';
import { SEQUENTIAL_WORKLOADS } from '../workloads/named.ts';
import { buildModel } from '../workloads/spec.ts';
import type { SequentialWorkload } from '../workloads/workload.ts';

export const LOAD = 'load-addon';
export const COMPILE = 'compile-vgg-small';

const PROCESSES = 9;

const ADDON = fileURLToPath(new URL('../../build/Release/gradloom.node', import.meta.url));
const PROGRAM = `const start = performance.now(); require(${JSON.stringify(ADDON)}); console.log(performance.now() - start)`;

/** In processes of their own, which find the files in the page cache. */
export function timeLoading(): StepTiming {
  const times = Array.from({ length: PROCESSES + 1 }, () =>
    Number(execFileSync(process.execPath, ['-e', PROGRAM])),
  )
    .slice(1)
    .sort((a, b) => a - b);
  const median = times[Math.floor(PROCESSES / 2)] as number;
  return {
    msPerStep: median,
    spread: ((times.at(-1) as number) - (times[0] as number)) / median,
    steps: PROCESSES,
  };
}

/** Placing every buffer of a training step, whose pages the system zeros when they are first touched. */
export function timeCompiling({
  threads,
  windowSeconds,
}: {
  readonly threads: number;
  readonly windowSeconds: number;
}): StepTiming {
  const workload = SEQUENTIAL_WORKLOADS.find(({ name }) => name === 'vgg-small') as SequentialWorkload;
  const model = buildModel(workload);
  return timeSteps(() => model.plan({ batchSize: workload.batchSize, threads }), windowSeconds);
}
