/**
 * How near to the machine's limits a training step comes, part by part: the gather, every layer forward and backward, the conversions of
 * layouts between layers, the loss, and what is behind all gradients. Weights are updated right behind their gradient, so a layer's
 * backward holds its update, too.
 *
 * Time. The addon makes steps as a run does and reads a clock behind each part; other steps read none. Parts make up the whole step;
 * tables that several threads look up side by side share their time equally. Of each turn the quickest 5 ms of steps count (one step of a
 * slower net), as the quickest millisecond does of what the limits are measured by: both are the machine's and the kernels' own, whatever
 * neighbours do meanwhile. `CONTENDED` says that other programs ran in the turn that counts.
 *
 * A part's limit is the largest of three times.
 * - Its operations at the peak. `GFLOP/s` counts multiply-adds by the layer's definition, two each. For the fraction Winograd's are those
 *   that it really makes: 36 products a whole tile, channel and filter, fewer at edges, and its transforms; else it would come to 200 %.
 *   A gradient of weights that chooses inputs by the winners of a pooling counts its choices, two each, and the multiply-adds that they
 *   leave. Activations, pooling, normalisation and losses count none, so memory is their limit, also where they compute.
 * - The square roots and divisions of its updates at the rate of their unit.
 * - Its bytes at the bandwidth of the level that its working set fits in. Bytes are what it cannot do without, each counted once: inputs,
 *   outputs, their gradients, what is kept for backward, weights, accumulators. Scratch memory and second readings are the kernel's own.
 *   The working set is all of these bytes; of the gather the data set. This is strict: what backward reads was often last touched a whole
 *   step ago, and the fastest level is assumed.
 * - Rows of tables count as whole cache lines at the rate of rows in random order, forward for each entry that names one; what else is
 *   read with them counts at the bandwidth of its own size.
 *
 * More than 100 % is possible: where a kernel mostly reads, where the same few rows come again and again from a cache, where the step
 * before has prefetched what it reads (the gather of mlp-small). Where other programs use the machine all the while, fractions say little.
 */
import type { NativeStepPart, NativeStepProfile, NativeTable } from '../../lib/native/index.ts';
import { formatTable } from '../command-line/table.ts';
import { ForeignLoad } from '../timing/foreign-load.ts';
import { hasSameRows, MachineLimits, type StepLimits } from '../timing/limits.ts';
import { StepProfiler } from '../timing/step-profiler.ts';
import type { Workload } from '../workloads/workload.ts';

const LEAST_STEPS = 3;
/** A part is near its limit from here on. */
export const NEAR = 0.7;
/** Memory that rows are placed in, to measure how fast they come. */
const MOST_TABLE_BYTES = 2 ** 30;
/** Of the step's time, in parts that are. */
export const BAR = 0.85;

export interface RooflinePart {
  readonly name: string;
  readonly pass: NativeStepPart['pass'];
  readonly kernel: string;
  /** A step. */
  readonly ms: number;
  /** Of the step's time. */
  readonly share: number;
  /** By the definition of its products. */
  readonly gflops: number;
  /** Of what it has to read and write. */
  readonly gbytesPerS: number;
  /** What stands in the way of a faster kernel. */
  readonly limit: 'arithmetic' | 'division' | 'memory' | 'none';
  /** The time that the limit alone would take, over its own. */
  readonly fraction: number;
}

export interface Roofline {
  readonly threads: number;
  readonly msPerStep: number;
  readonly limits: MachineLimits;
  readonly parts: readonly RooflinePart[];
  /** Of the step's time in parts at NEAR or more of their limit. */
  readonly share: number;
  /** Whether other programs used the machine in the turn that counts. */
  readonly contended: boolean;
}

/**
 * Each turn's steps are held against the limits measured before and behind them, for a shared machine changes its speed: the
 * quickest of the one against the quickest of the other. The turn with the middle share counts.
 */
export async function measureRoofline(
  workload: Workload,
  {
    threads,
    windowSeconds,
    turns,
  }: {
    readonly threads: number;
    readonly windowSeconds: number;
    /** An odd number. */
    readonly turns: number;
  },
): Promise<Roofline> {
  const profiler = await StepProfiler.of(workload, threads);
  const warmUp = profiler.profile(windowSeconds, LEAST_STEPS);
  const tables = tablesOf(warmUp.parts);
  const judged = Array.from({ length: turns }, () => {
    const limits = new MachineLimits(warmUp.threads, tables);
    limits.measure();
    const load = new ForeignLoad();
    const profile = profiler.profile(windowSeconds, LEAST_STEPS);
    const contended = load.isTooHigh();
    limits.measure();
    return { ...judge(profile, limits, profiler.inputBytes), contended };
  });
  return judged.toSorted((a, b) => a.share - b.share)[(turns - 1) / 2] as Roofline;
}

/**
 * What rows of tables are read and changed in: all tables of the net together with what the optimizer keeps, for in each step
 * the others come between two visits of one. No more than MOST_TABLE_BYTES: rows of larger tables, which come more slowly,
 * are held against a limit that they cannot reach.
 */
function tablesOf(parts: readonly NativeStepPart[]): readonly NativeTable[] {
  const placed = parts.filter(({ placedBytes }) => placedBytes > 0);
  const sum = (pass: string): number =>
    placed.reduce((total, part) => total + (part.pass === pass ? part.tableBytes : 0), 0);
  const bytes = Math.min(Math.max(sum('forward'), sum('backward')), MOST_TABLE_BYTES);
  const tables = placed.map(({ rowBytes, pass }) => ({ bytes, rowBytes, written: pass === 'backward' }));
  return tables.filter((table, place) => tables.findIndex(hasSameRows(table)) === place);
}

/** `inputBytes`: of the set that batches are gathered from. */
function judge(
  { threads, parts, seconds }: NativeStepProfile,
  limits: MachineLimits,
  inputBytes: number,
): Omit<Roofline, 'contended'> {
  const judged = parts.map((part) =>
    judgePart(part.name === 'gather' ? { ...part, workingSet: inputBytes } : part, seconds, limits),
  );
  const near = judged.filter(({ fraction }) => fraction >= NEAR);
  return {
    threads,
    msPerStep: seconds * 1000,
    limits,
    parts: judged,
    share: near.reduce((sum, { share }) => sum + share, 0),
  };
}

/** `stepSeconds`: of all parts together. */
export function judgePart(part: NativeStepPart, stepSeconds: number, limits: StepLimits): RooflinePart {
  const { name, pass, kernel, seconds, rowBytes, placedBytes } = part;
  const arithmetic = part.kernelFlops / limits.flopsPerSecond;
  const rowRate = limits.rowBytesPerSecond({ rowBytes, written: pass === 'backward' });
  const memory =
    rowRate === undefined
      ? part.bytes / limits.bytesPerSecond(Math.max(part.workingSet, part.bytes))
      : placedBytes / rowRate + (part.bytes - placedBytes) / limits.bytesPerSecond(part.bytes - placedBytes);
  const division = part.divisions / limits.divisionsPerSecond;
  const least = Math.max(arithmetic, division, memory);
  return {
    name,
    pass,
    kernel,
    ms: seconds * 1000,
    share: seconds / stepSeconds,
    gflops: part.flops / seconds / 1e9,
    gbytesPerS: part.bytes / seconds / 1e9,
    limit:
      least === 0 ? 'none' : least === arithmetic ? 'arithmetic' : least === division ? 'division' : 'memory',
    fraction: least / seconds,
  };
}

/** Shorter than this and without a limit, a part is not shown. */
const SHOWN_SHARE = 0.001;

export function formatRoofline(workload: string, roofline: Roofline): string {
  const { threads, msPerStep, limits, parts, share, contended } = roofline;
  const shown = parts.filter((part) => part.limit !== 'none' || part.share >= SHOWN_SHARE);
  const rows = shown.map((part) => [
    part.name,
    part.pass,
    part.kernel,
    String(Number((part.ms * 1000).toPrecision(4))),
    percent(part.share),
    part.gflops === 0 ? '' : part.gflops.toFixed(1),
    part.gbytesPerS === 0 ? '' : part.gbytesPerS.toFixed(1),
    part.limit === 'none' ? '' : part.limit,
    part.limit === 'none' ? '' : percent(part.fraction),
  ]);
  const head = ['part', 'pass', 'kernel', 'us', 'of step', 'GFLOP/s', 'GB/s', 'limit', 'of limit'];
  const verdict = share >= BAR ? 'met' : 'NOT met';
  return [
    `${workload}: ${msPerStep.toPrecision(4)} ms a step on ${threads} thread${threads === 1 ? '' : 's'}; the machine: ${limits.describe()}`,
    ...formatTable(head, rows),
    `${workload}: ${percent(share)} of the step in parts at ${percent(NEAR)} or more of their limit; at least ${percent(BAR)}: ${verdict}${contended ? '; CONTENDED' : ''}`,
  ].join('\n');
}

function percent(part: number): string {
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}
