/** Whether other programs used the machine while something was timed. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Seconds of CPU time. */
interface Usage {
  readonly machine: number;
  readonly ours: number;
  readonly at: number;
}

const TICKS_PER_SECOND = 100;
/** Of one CPU; more than this spoils a timing. */
const ALLOWED_SHARE = 0.02;
/** The clock counts whole ticks, so less than two says nothing. */
const ALLOWED_SECONDS = 2 / TICKS_PER_SECOND;

export class ForeignLoad {
  #start = readUsage();

  /** Whether others used more than a fiftieth of one CPU since this was made. */
  isTooHigh(): boolean {
    const end = readUsage();
    const foreign = end.machine - this.#start.machine - (end.ours - this.#start.ours);
    return foreign > Math.max(ALLOWED_SECONDS, ALLOWED_SHARE * (end.at - this.#start.at));
  }
}

/** Waits until others leave the machine alone, but no longer than this. */
export async function waitForQuiet(seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const load = new ForeignLoad();
    await sleep(500);
    if (!load.isTooHigh()) return;
  }
}

function readUsage(): Usage {
  const { user, system } = process.cpuUsage();
  return { machine: machineSeconds(), ours: (user + system) / 1e6, at: performance.now() / 1000 };
}

/** proc(5), the first line of /proc/stat: user nice system idle iowait irq softirq steal. */
function machineSeconds(): number {
  const [, ...ticks] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
