/** What updates by each entry of sparse samples ask of memory, beside what it gives. */

import { ENTRIES } from '../workloads/data.ts';
import type { Workload } from '../workloads/workload.ts';
import { MachineLimits } from './limits.ts';

/** A weight is read forward; its accumulator and itself are changed later. */
const ACCESSES_OF_ENTRY = 3;
const LINE_BYTES = 64;
const TABLE_BYTES_OF_FEATURE = 8;

/** One line; undefined for other workloads, whose accesses depend on how often features come again. */
export function describeAccesses(workload: Workload, msPerStep: number, threads: number): string | undefined {
  if (workload.source !== 'sparse' || !updatesByEntry(workload.optimizer)) return undefined;
  const accesses = workload.batchSize * ENTRIES * ACCESSES_OF_ENTRY;
  const table = (workload.inputShape[0] as number) * TABLE_BYTES_OF_FEATURE;
  const limits = new MachineLimits(threads);
  limits.measure();
  const perSecond = accesses / msPerStep / 1e-3;
  const gigabytes = (perSecond * LINE_BYTES) / 1e9;
  return (
    `${accesses} random accesses a step, ${Math.round(perSecond / 1e6)} million a second; as cache lines ` +
    `${((accesses * LINE_BYTES) / 1e6).toFixed(1)} MB a step, ${gigabytes.toFixed(1)} GB/s of ` +
    `${(limits.bytesPerSecond(table) / 1e9).toFixed(0)} that memory gives in order`
  );
}

function updatesByEntry(optimizer: object): boolean {
  return 'duplicates' in optimizer && optimizer.duplicates !== 'sum';
}
