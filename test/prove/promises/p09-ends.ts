import { type PromiseProof, percentile, randomIntegers } from '../promise.ts';
import { startProgram } from '../start-program.ts';

/** How a process has to end. */
const WAYS: Readonly<Record<string, { readonly code: number | null; readonly signal: string | null }>> = {
  exit: { code: 7, signal: null },
  throw: { code: 1, signal: null },
  signal: { code: null, signal: 'SIGINT' },
  terminate: { code: 0, signal: null },
};
const MOST_MS = 250;

export const ends: PromiseProof = {
  number: 9,
  title: 'exit, throw, SIGINT and terminate while training: the right code, within 250 ms',
  async prove({ length, seed, tally }) {
    const random = randomIntegers(seed);
    const times: number[] = [];
    const trials = length === 'long' ? 500 : 4;
    for (let trial = 0; trial < trials; trial++) {
      const [way, expected] = Object.entries(WAYS)[trial % 4] as [string, { code: number; signal: string }];
      const ms = random(120);
      const { code, signal, output, errors, at } = await startProgram('end', [way, ms]).ended;
      const asked = Number(/end (\d+)/.exec(output)?.[1]);
      times.push(at - asked);
      if (code !== expected.code || signal !== expected.signal || Number.isNaN(asked)) {
        tally.fail(`${way} after ${ms} ms: code ${code}, signal ${signal}, ${errors.slice(0, 200)}`);
      }
      tally.tried();
    }
    const p99 = percentile(times, 0.99);
    if (length === 'long' && p99 > MOST_MS) tally.fail(`p99 ${p99} ms`);
    return { facts: { medianMs: percentile(times, 0.5), p99Ms: p99 } };
  },
};
