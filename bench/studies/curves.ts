/**
 * How the time of a step grows while one thing does: the batch, the width and depth of a net, threads (more than the machine has, too). A
 * row is the median of steps, and how many times the time and the products of the row before; a step that grows faster than its work has
 * left a cache or lost a thread.
 */
import { cpus } from 'node:os';
import { adagrad } from '../../lib/optimizers/index.ts';
import { formatTable } from '../command-line/table.ts';
import { quantile, StepProfiler } from '../timing/step-profiler.ts';
import type { LayerRecord } from '../workloads/spec.ts';
import type { SequentialWorkload, Workload } from '../workloads/workload.ts';

const LEAST_STEPS = 5;

interface Setting {
  readonly workload: Workload;
  readonly threads: number;
}

interface Axis {
  readonly name: string;
  readonly net: string;
  readonly values: readonly number[];
  /** `threads`: as asked for. */
  readonly at: (value: number, threads: number) => Setting;
}

export interface CurvePoint {
  readonly value: number;
  /** That the steps ran on. */
  readonly threads: number;
  /** Median of the steps. */
  readonly ms: number;
  readonly gflops: number;
  /** Both over those of the point before; of the first one 1. */
  readonly msGrowth: number;
  readonly workGrowth: number;
}

export interface Curve {
  readonly axis: string;
  readonly net: string;
  readonly points: readonly CurvePoint[];
}

/** One batch of random samples, again and again, at a rate at which no loss runs away. */
function net(
  inputShape: readonly number[],
  batchSize: number,
  layers: readonly LayerRecord[],
): SequentialWorkload {
  return {
    ...{ name: 'curve', source: 'random', inputShape, batchSize, samples: batchSize },
    layers: [...layers, { kind: 'dense', units: 10 }],
    loss: 'softmaxCrossEntropy',
    optimizer: adagrad({ learningRate: 1e-4 }),
  };
}

function mlp(batchSize: number, widths: readonly number[]): Workload {
  const layers = widths.map((units) => ({ kind: 'dense', units, activation: 'relu' }));
  return net([784], batchSize, layers);
}

function cnn(batchSize: number): Workload {
  const conv = { kind: 'conv2d', kernelSize: 3, padding: 'same', activation: 'relu' };
  const pool = { kind: 'maxPool2d', poolSize: 2 };
  const layers = [{ ...conv, filters: 32 }, pool, { ...conv, filters: 64 }, pool, { kind: 'flatten' }];
  return net([32, 32, 3], batchSize, layers);
}

const MLP = '784-512-256-10';
const CNN = 'that of cifar-cnn';
const BATCHES: readonly number[] = Array.from({ length: 11 }, (_, place) => 2 ** place);
const THREADS = [1, 2, 4, 8];

const AXES: readonly Axis[] = [
  {
    name: 'batch',
    net: MLP,
    values: BATCHES,
    at: (batch, threads) => ({ workload: mlp(batch, [512, 256]), threads }),
  },
  {
    name: 'batch',
    net: CNN,
    values: BATCHES,
    at: (batch, threads) => ({ workload: cnn(batch), threads }),
  },
  {
    name: 'width',
    net: '784-width-width-10, batch 128',
    values: [16, 32, 64, 128, 256, 512, 1024, 2048],
    at: (width, threads) => ({ workload: mlp(128, [width, width]), threads }),
  },
  {
    name: 'depth',
    net: '784-(256 x depth)-10, batch 128',
    values: [1, 2, 4, 8, 16, 32],
    at: (depth, threads) => ({ workload: mlp(128, Array<number>(depth).fill(256)), threads }),
  },
  {
    name: 'threads',
    net: `${MLP}, batch 128`,
    values: THREADS,
    at: (threads) => ({ workload: mlp(128, [512, 256]), threads }),
  },
  {
    name: 'threads',
    net: `${CNN}, batch 32`,
    values: THREADS,
    at: (threads) => ({ workload: cnn(32), threads }),
  },
];

export const CURVES: readonly string[] = [...new Set(AXES.map(({ name }) => name))];

/** One after another: a curve's steps are no basis for a comparison with another one's where others use the machine. */
export async function measureCurves(
  names: readonly string[],
  { threads, windowSeconds }: { readonly threads: number; readonly windowSeconds: number },
): Promise<Curve[]> {
  const curves: Curve[] = [];
  for (const { name, net, values, at } of AXES.filter((axis) => names.includes(axis.name))) {
    const points: CurvePoint[] = [];
    let before: { readonly ms: number; readonly flops: number } | undefined;
    for (const value of values) {
      const setting = at(value, threads);
      const profiler = await StepProfiler.of(setting.workload, setting.threads);
      const profile = profiler.profile(windowSeconds, LEAST_STEPS);
      const ms = 1000 * quantile(profile.stepSeconds, 0.5);
      const flops = profile.parts.reduce((sum, part) => sum + part.flops, 0);
      const from = before ?? { ms, flops };
      points.push({
        ...{ value, threads: profile.threads, ms, gflops: flops / ms / 1e6 },
        ...{ msGrowth: ms / from.ms, workGrowth: flops / from.flops },
      });
      before = { ms, flops };
    }
    curves.push({ axis: name, net, points });
  }
  return curves;
}

export function formatCurves(curves: readonly Curve[]): string {
  const tables = curves.map(({ axis, net, points }) => {
    const head = [axis, 'on threads', 'ms a step', 'GFLOP/s', 'time x', 'work x'];
    const rows = points.map(({ value, threads, ms, gflops, msGrowth, workGrowth }) =>
      [value, threads, ms.toPrecision(4), gflops.toFixed(1), msGrowth.toFixed(2), workGrowth.toFixed(2)].map(
        String,
      ),
    );
    return [net, ...formatTable(head, rows), ''].join('\n');
  });
  return `${tables.join('\n')}${cpus().length} processors`;
}
