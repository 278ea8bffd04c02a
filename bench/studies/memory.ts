/**
 * The most memory that a process which trains a workload takes, Gradloom's and then PyTorch's: runtime, data set in float32, weights,
 * accumulators and values are all in it. iris is next to nothing but the runtimes. `sparse-logreg-1g` takes 8 GB: name workloads on
 * smaller machines.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { formatTable } from '../command-line/table.ts';
import { GRADLOOM, PEERS, type Peer, type RunSettings } from '../peers/programs.ts';

const POLL_MS = 10;
const TORCH = PEERS.find(({ name }) => name === 'torch') as Peer;
/** Its fastest update alone, since the others' nets would stay in the process, in one window, since no time is wanted. */
const TORCH_VARIANT = ['--variants', 'fused', '--windows', '1'];

export interface PeakMemory {
  readonly workload: string;
  /** MiB; null: it cannot train it, or is not there. */
  readonly gradloom: number | null;
  readonly torch: number | null;
}

export async function measureMemory(
  workloads: readonly string[],
  settings: RunSettings,
): Promise<PeakMemory[]> {
  const missing = TORCH.missing();
  if (missing !== undefined) console.error(`torch is skipped: ${missing}`);
  const peaks: PeakMemory[] = [];
  for (const workload of workloads) {
    const gradloom = await peakOf(GRADLOOM.command(workload, settings));
    const theirs = [...TORCH.command(workload, settings), ...TORCH_VARIANT];
    const torch = missing === undefined ? await peakOf(theirs) : null;
    peaks.push({ workload, gradloom, torch });
  }
  return peaks;
}

/** Of its resident set, in MiB; null when it fails. proc(5): VmHWM only grows, so its last reading is the peak. */
async function peakOf([program = '', ...args]: readonly string[]): Promise<number | null> {
  const child = spawn(program, args, { stdio: 'ignore' });
  let peak = 0;
  const poll = setInterval(() => {
    peak = Math.max(peak, readPeak(child.pid) ?? 0);
  }, POLL_MS);
  try {
    const [code] = await once(child, 'close');
    return code === 0 ? peak : null;
  } finally {
    clearInterval(poll);
  }
}

function readPeak(pid: number | undefined): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return undefined; // it has just ended
  }
}

export function formatMemory(peaks: readonly PeakMemory[]): string {
  const rows = peaks.map(({ workload, gradloom, torch }) => [
    workload,
    gradloom?.toFixed(0) ?? '-',
    torch?.toFixed(0) ?? '-',
    gradloom !== null && torch !== null ? (torch / gradloom).toFixed(2) : '',
  ]);
  return formatTable(['workload', 'gradloom MiB', 'torch MiB', 'torch / gradloom'], rows).join('\n');
}
