/** The update of one tensor by itself: what an optimizer costs where it is not fused behind gradients. */
import { native } from '../lib/native.ts';
import * as optimizers from '../lib/optimizers/index.ts';
import { makeOptimizer } from '../lib/optimizers/make-optimizer.ts';
import { type Optimizer, toNativeOptimizer } from '../lib/optimizers/optimizer.ts';

const WARM_UP_SECONDS = 0.7;
const WINDOWS = 3;
const FLOAT_BYTES = 4;
const SUFFIX = '-update';

export const UPDATE_SIZE = 10_000_000;

/** `adagrad-update`, `adamW-update`, ...: a kind of optimizer at its defaults. */
export const UPDATE_WORKLOADS: readonly string[] = Object.keys(optimizers).map((kind) => kind + SUFFIX);

export interface UpdateTiming {
  readonly msPerStep: number;
  readonly spread: number;
  readonly steps: number;
  /** Of weights and states read and written, and gradients read. */
  readonly bytesPerParameter: number;
  readonly gigabytesPerSecond: number;
}

export function timeUpdate(
  workload: string,
  {
    size,
    threads,
    windowSeconds,
  }: { readonly size: number; readonly threads: number; readonly windowSeconds: number },
): UpdateTiming {
  const optimizer: Optimizer = makeOptimizer('bench', workload.slice(0, -SUFFIX.length));
  const updater = new native.Updater({
    optimizer: toNativeOptimizer(optimizer),
    shapes: [[size]],
    threads,
    nonFinite: 'ignore',
  });
  const weights = Float32Array.from({ length: size }, (_, i) => Math.sin(i));
  const gradients = Float32Array.from({ length: size }, (_, i) => Math.cos(7 * i));
  let steps = 0;
  const run = (seconds: number) => {
    const start = performance.now();
    let count = 0;
    do {
      updater.step([weights], [gradients]);
      count++;
    } while (performance.now() - start < seconds * 1000);
    steps += count;
    return (performance.now() - start) / count;
  };
  run(WARM_UP_SECONDS);
  const windows = Array.from({ length: WINDOWS }, () => run(windowSeconds)).sort((a, b) => a - b);
  const [fastest = 0, msPerStep = 0, slowest = 0] = windows;
  const stateSize = updater.getState()[0]?.reduce((sum, state) => sum + state.length, 0) ?? 0;
  const bytes = FLOAT_BYTES * (3 * size + 2 * stateSize);
  return {
    msPerStep,
    spread: (slowest - fastest) / msPerStep,
    steps,
    bytesPerParameter: bytes / size,
    gigabytesPerSecond: bytes / msPerStep / 1e6,
  };
}
