/** The update of one tensor by itself: what an optimizer costs where it is not fused behind gradients. */
import { native } from '../../lib/native/index.ts';
import * as optimizers from '../../lib/optimizers/index.ts';
import { makeOptimizer } from '../../lib/optimizers/make-optimizer.ts';
import { type Optimizer, toNativeOptimizer } from '../../lib/optimizers/optimizer.ts';
import { type StepTiming, timeSteps } from '../timing/steps.ts';

const FLOAT_BYTES = 4;
const SUFFIX = '-update';

export const UPDATE_SIZE = 10_000_000;

/** `adagrad-update`, `adamW-update`, ...: a kind of optimizer at its defaults. */
export const UPDATE_WORKLOADS: readonly string[] = Object.keys(optimizers).map((kind) => kind + SUFFIX);

export interface UpdateTiming extends StepTiming {
  /** Of weights and states read and written, and gradients read. */
  readonly bytesPerParameter: number;
  /** Of all arrays. */
  readonly workingSet: number;
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
  const timing = timeSteps(() => updater.step([weights], [gradients]), windowSeconds);
  const stateSize = updater.getState()[0]?.reduce((sum, state) => sum + state.length, 0) ?? 0;
  const bytes = FLOAT_BYTES * (3 * size + 2 * stateSize);
  return {
    ...timing,
    bytesPerParameter: bytes / size,
    workingSet: FLOAT_BYTES * (2 * size + stateSize),
    gigabytesPerSecond: bytes / timing.msPerStep / 1e6,
  };
}
