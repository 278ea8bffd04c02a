/** A promise about reliability, and a program that tries to break it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RandomStream } from '../../lib/core/philox.ts';

export interface Form {
  /** `'short'` is what CI runs: seconds, and no bars on times. */
  readonly length: 'long' | 'short';
  readonly seed: number;
  /** What is tried and what fails is counted here. */
  readonly tally: Tally;
}

const TELL_MS = 10_000;

/** Counts as a proof goes on, so that one that is stopped has counts as well. */
export class Tally {
  /** What went wrong, a line each. */
  readonly failures: string[] = [];
  readonly #tell: (text: string) => void;
  #trials = 0;
  #toldAt = performance.now();

  /** `tell` hears of each failure, and every ten seconds how far the proof is. */
  constructor(tell: (text: string) => void = () => {}) {
    this.#tell = tell;
  }

  get trials(): number {
    return this.#trials;
  }

  tried(count = 1): void {
    this.#trials += count;
    if (performance.now() - this.#toldAt < TELL_MS) return;
    this.#toldAt = performance.now();
    this.#tell(String(this));
  }

  fail(text: string): void {
    this.failures.push(text);
    this.#tell(`FAILED ${text}`);
  }

  /** A line of a program that tries on its own: `tried <count>`, `failed <text as JSON>`. */
  hear(line: string): void {
    const [, what, rest = ''] = /^(tried|failed) (.*)$/.exec(line) ?? [];
    if (what === 'tried') this.tried(Number(rest));
    else if (what === 'failed') this.fail(JSON.parse(rest));
  }

  toString(): string {
    return `${this.#trials} trials, ${this.failures.length} failures`;
  }
}

export interface Verdict {
  /** Figures and hashes to report. */
  readonly facts?: Readonly<Record<string, string | number>>;
  /** Why nothing could be tried. */
  readonly skipped?: string;
}

export interface PromiseProof {
  readonly number: number;
  readonly title: string;
  prove(form: Form): Promise<Verdict>;
}

/** Integers from 0 to `bound - 1`, the same for the same seed. */
export function randomIntegers(seed: number): (bound: number) => number {
  const stream = new RandomStream(seed, 'split');
  return (bound) => stream.below(bound);
}

export async function withFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-prove-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Finalizers of what is collected run in turns of the event loop. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    collect();
    await turn();
  }
}
