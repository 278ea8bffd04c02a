/** From single timings to ratios, and the verdict on those that have a floor. */

import { SKIP_GRAM } from '../calls/skip-gram.ts';
import { formatTable } from '../command-line/table.ts';
import type { Limits } from '../timing/limits.ts';
import { GRADLOOM, type Peer } from './programs.ts';

export interface Measurement {
  readonly peer: Peer;
  readonly workload: string;
  readonly threads: number;
  /** Of which round: timings of one round stand closest to each other in time. */
  readonly repeat: number;
  /** Of the peer. */
  readonly version: string;
  /** A step. */
  readonly ms: number;
  /** That a step does, as the program counts it; Gradloom's counts. */
  readonly work: { readonly flops: number; readonly bytes: number; readonly workingSet: number };
  /** Of a cache line from one core to another and back, just before: how far the cores were from each other. */
  readonly roundTripNanoseconds?: number;
}

type Floors = Readonly<Record<string, readonly [one: number, two: number]>>;

/** How many times as fast as torch Gradloom has to be at equal threads: on one, and on two. */
const FLOORS_BESIDE_TORCH: Floors = {
  mlp: [1.4, 1.5],
  'mlp-small': [3.3, 5],
  iris: [100, 100],
  'digits-cnn': [7, 8],
  lenet: [3.2, 3.5],
  'cifar-cnn-b32': [1.8, 2.5],
  'cifar-cnn-b128': [1.8, 2.2],
  'vgg-small': [1.8, 2],
  'adagrad-update': [0.9, 0.9],
  'sparse-logreg': [15, 15],
  dlrm: [4, 4],
  [SKIP_GRAM]: [8, 8],
};

const FLOORS: Readonly<Record<string, Floors>> = {
  torch: FLOORS_BESIDE_TORCH,
  'onnxruntime-node': {
    'infer-mlp-b1': [1.3, 1.3],
    'infer-cifar-b1': [1.3, 1.3],
    'infer-vgg-b1': [1, 1],
    'infer-cifar-b128': [1.2, 1.2],
    'infer-vgg-b64': [1.2, 1.2],
  },
  // A pass through its samples on one thread, whatever ours have.
  'scikit-learn': { 'sparse-logreg-sequential': [1, 1], 'sparse-logreg-hogwild': [1, 1] },
  fasttext: { [SKIP_GRAM]: [3, 3] },
};

export interface Comparison {
  readonly workload: string;
  readonly threads: number;
  readonly peer: Peer;
  /** Medians over the rounds. */
  readonly oursMs: number;
  readonly peerMs: number;
  /** peerMs / oursMs: above 1 Gradloom is ahead. */
  readonly ratio: number;
  /** The same ratio within single rounds. */
  readonly lowest: number;
  readonly highest: number;
  readonly floor: number | undefined;
  /** The time that the machine's limits leave for a step; undefined: the work was not counted. */
  readonly limitMs: number | undefined;
}

type LimitsOfThreads = ReadonlyMap<number, Limits>;

/** One for each peer, workload and number of threads that Gradloom ran too. */
export function compare(measurements: readonly Measurement[], limits: LimitsOfThreads): Comparison[] {
  return measurements.flatMap((first, place) => {
    const same = measurements.filter(
      ({ workload, threads }) => workload === first.workload && threads === first.threads,
    );
    const ours = same.filter(({ peer }) => peer === GRADLOOM);
    const theirs = same.filter(({ peer }) => peer === first.peer);
    const isCounted = measurements.indexOf(theirs[0] as Measurement) < place;
    if (first.peer === GRADLOOM || ours.length === 0 || isCounted) return [];
    return summarize(ours, theirs, first, limits.get(first.threads));
  });
}

function summarize(
  ours: readonly Measurement[],
  theirs: readonly Measurement[],
  { workload, threads, peer }: Measurement,
  limits: Limits | undefined,
): Comparison {
  const oursMs = median(ours);
  const peerMs = median(theirs);
  const rounds = theirs.flatMap(({ repeat, ms }) =>
    ours.filter((our) => our.repeat === repeat).map((our) => ms / our.ms),
  );
  return {
    workload,
    threads,
    peer,
    oursMs,
    peerMs,
    ratio: peerMs / oursMs,
    lowest: Math.min(...rounds),
    highest: Math.max(...rounds),
    floor: FLOORS[peer.name]?.[workload]?.[threads - 1],
    limitMs: limits && limitOf((ours[0] as Measurement).work, limits),
  };
}

/** By the definition of the products; undefined without any, and without bytes. */
function limitOf({ flops, bytes, workingSet }: Measurement['work'], limits: Limits): number | undefined {
  if (flops === 0 && bytes === 0) return undefined;
  const memory = bytes === 0 ? 0 : bytes / limits.bytesPerSecond(workingSet);
  return 1000 * Math.max(flops / limits.flopsPerSecond, memory);
}

export function formatComparisons(comparisons: readonly Comparison[]): string {
  const head = [
    ...['workload', 'threads', 'peer', 'gradloom ms', 'peer ms', 'ratio', 'rounds'],
    ...['of limit', 'peer', 'floor', 'verdict'],
  ];
  const rows = comparisons.map((comparison) => [
    comparison.workload,
    String(comparison.threads),
    comparison.peer.name,
    comparison.oursMs.toPrecision(4),
    comparison.peerMs.toPrecision(4),
    comparison.ratio.toFixed(2),
    `${comparison.lowest.toFixed(2)} to ${comparison.highest.toFixed(2)}`,
    percent(comparison.limitMs, comparison.oursMs),
    percent(comparison.limitMs, comparison.peerMs),
    comparison.floor?.toString() ?? '',
    verdictOf(comparison),
  ]);
  const judged = comparisons.filter(({ floor }) => floor !== undefined);
  return [
    ...formatTable(head, rows),
    '',
    `ratio: peer ms / gradloom ms; of limit: what the machine's peak leaves for the step's products (of updates its bandwidth) / ms`,
    `${judged.filter(isMet).length} of ${judged.length} floors met`,
  ].join('\n');
}

/** Whether every floor that was measured is met. */
export function meetsFloors(comparisons: readonly Comparison[]): boolean {
  return comparisons.every((comparison) => comparison.floor === undefined || isMet(comparison));
}

function percent(limitMs: number | undefined, ms: number): string {
  if (limitMs === undefined) return '';
  const part = (100 * limitMs) / ms;
  return `${part.toFixed(part < 10 ? 1 : 0)} %`;
}

function verdictOf(comparison: Comparison): string {
  const { floor, peer } = comparison;
  if (floor === undefined) return peer.differs === undefined ? '' : `other rule: ${peer.differs}`;
  return isMet(comparison) ? 'ahead' : 'BEHIND';
}

function isMet({ ratio, floor }: Comparison): boolean {
  return floor !== undefined && ratio > floor;
}

function median(measurements: readonly Measurement[]): number {
  const times = measurements.map(({ ms }) => ms).sort((a, b) => a - b);
  const middle = times.slice(Math.ceil(times.length / 2) - 1, Math.floor(times.length / 2) + 1);
  return middle.reduce((sum, ms) => sum + ms, 0) / middle.length;
}
