/**
 * Training while another program takes a core: steps, on as many threads as a run finds fastest, alone and beside a process that computes
 * all the while, by turns. That process is started and ended here; the system places it, and the line says how much of a core it had.
 * `CONTENDED`: others ran in the quiet windows too.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { ForeignLoad } from '../timing/foreign-load.ts';
import { mean, quantile, StepProfiler } from '../timing/step-profiler.ts';
import type { Workload } from '../workloads/workload.ts';

const TURNS = 3;
/** So that a hundredth of them is some. */
const LEAST_STEPS = 200;
/** Of the quiet throughput, at least. */
export const THROUGHPUT_BAR = 0.4;
/** The slowest hundredth of steps over the median, at most. */
export const TAIL_BAR = 3;

/** A process that never waits for anything; it says when it begins. */
const BUSY = 'process.stdout.write("x"); for (;;);';

interface Steps {
  /** Of all steps together. */
  readonly seconds: number;
  readonly msPerStep: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

export interface BusyCore {
  readonly threads: number;
  readonly quiet: Steps;
  readonly busy: Steps;
  /** Of a processor, that the loop had during the steps beside it. */
  readonly loopShare: number;
  /** Of the quiet throughput. */
  readonly throughput: number;
  /** p99 over median, beside the busy loop. */
  readonly tail: number;
  /** Whether the quiet windows were not quiet. */
  readonly contended: boolean;
}

/** Quiet and busy windows by turns, behind one that warms up. */
export async function measureBusyCore(
  workload: Workload,
  { threads, windowSeconds }: { readonly threads: number; readonly windowSeconds: number },
): Promise<BusyCore> {
  const profiler = await StepProfiler.of(workload, threads);
  profiler.searchesThreads = true;
  const run = () => profiler.profile(windowSeconds, LEAST_STEPS);
  const warmUp = run();
  const quiet: Float64Array[] = [];
  const busy: Float64Array[] = [];
  let loopSeconds = 0;
  let contended = false;
  for (let turn = 0; turn < TURNS; turn++) {
    const load = new ForeignLoad();
    quiet.push(run().stepSeconds);
    contended ||= load.isTooHigh();
    const window = await besideBusyLoop(run);
    busy.push(window.result.stepSeconds);
    loopSeconds += window.loopSeconds;
  }
  const [alone, beside] = [summarize(quiet), summarize(busy)];
  return {
    threads: warmUp.threads,
    quiet: alone,
    busy: beside,
    loopShare: loopSeconds / beside.seconds,
    throughput: alone.msPerStep / beside.msPerStep,
    tail: beside.p99Ms / beside.medianMs,
    contended,
  };
}

/** Beside a new process that computes all the while; `loopSeconds`: what it had of a processor meanwhile. */
async function besideBusyLoop<Result>(
  work: () => Result,
): Promise<{ readonly result: Result; readonly loopSeconds: number }> {
  const loop = spawn(process.execPath, ['-e', BUSY], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(loop, 'close');
  try {
    await once(loop.stdout, 'data');
    const before = processorSeconds(loop.pid);
    const result = work();
    return { result, loopSeconds: processorSeconds(loop.pid) - before };
  } finally {
    loop.kill('SIGKILL');
    await ended;
  }
}

/** The first figure of its first thread's schedstat: nanoseconds on a processor. */
function processorSeconds(pid: number | undefined): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
}

/** Of all steps of the windows. */
function summarize(windows: readonly Float64Array[]): Steps {
  const steps = Float64Array.from(windows.flatMap((window) => [...window]));
  return {
    seconds: steps.reduce((sum, each) => sum + each, 0),
    msPerStep: 1000 * mean(steps),
    medianMs: 1000 * quantile(steps, 0.5),
    p99Ms: 1000 * quantile(steps, 0.99),
  };
}

export function formatBusyCore(workload: string, figures: BusyCore): string {
  const { threads, quiet, busy, loopShare, throughput, tail, contended } = figures;
  const show = ({ msPerStep, medianMs, p99Ms }: Steps) =>
    `${msPerStep.toPrecision(4)} ms a step, median ${medianMs.toPrecision(4)}, p99 ${p99Ms.toPrecision(4)}`;
  const percent = (part: number) => `${(part * 100).toFixed(0)} %`;
  const verdict = (met: boolean) => (met ? 'met' : 'NOT met');
  return [
    `${workload} on ${threads} thread${threads === 1 ? '' : 's'}${contended ? '; CONTENDED' : ''}`,
    `quiet:              ${show(quiet)}`,
    `beside a busy loop: ${show(busy)}; the loop had ${percent(loopShare)} of a core`,
    `throughput: ${percent(throughput)} of the quiet one; at least ${percent(THROUGHPUT_BAR)}: ${verdict(throughput >= THROUGHPUT_BAR)}`,
    `p99 / median: ${tail.toFixed(2)}; at most ${TAIL_BAR}: ${verdict(tail <= TAIL_BAR)}`,
  ].join('\n');
}
