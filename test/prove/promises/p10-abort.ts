import { setImmediate as turn } from 'node:timers/promises';
import { adagrad, dense, info, iris, sequential, Trainer } from '../../../lib/index.ts';
import { type PromiseProof, percentile, randomIntegers } from '../promise.ts';

const MOST_MS = 50;

export const abort: PromiseProof = {
  number: 10,
  title:
    'an abort before, during or after a run settles it once, within a batch plus 50 ms, and leaks nothing',
  async prove({ length, seed, tally }) {
    const random = randomIntegers(seed);
    const train = await iris();
    const model = sequential({ inputShape: [4], seed: 1 }, [dense({ units: 3 })]);
    const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads: 1 });
    const trials = length === 'long' ? 10_000 : 300;
    const times: number[] = [];
    let bytes = 0;
    for (let trial = 0; trial < trials; trial++) {
      const controller = new AbortController();
      const when = trial % 3;
      if (when === 0) controller.abort();
      let settled = 0;
      const run = trainer.fit(train, { epochs: when === 2 ? 1 : 1_000_000, signal: controller.signal });
      const end = run.then(
        ({ reason }) => {
          settled++;
          return reason;
        },
        (error) => {
          settled++;
          return String(error);
        },
      );
      if (when === 1) for (let turns = random(8); turns > 0; turns--) await turn();
      if (when === 2) await end;
      const asked = performance.now();
      controller.abort();
      const reason = await end;
      times.push(performance.now() - asked);
      await turn();
      const expected = when === 2 ? 'completed' : 'stopped';
      if (reason !== expected || settled !== 1) {
        tally.fail(`trial ${trial}: settled ${settled} times, ${reason}, expected ${expected}`);
      }
      tally.tried();
      if (trial === 0) bytes = info().allocatedBytes;
    }
    const slow = times.filter((ms) => ms > MOST_MS).length;
    if (length === 'long' && slow > 0) tally.fail(`${slow} aborts took more than ${MOST_MS} ms`);
    const { liveThreads, allocatedBytes } = info();
    if (liveThreads !== 0) tally.fail(`${liveThreads} threads are left`);
    if (allocatedBytes > bytes) tally.fail(`from ${bytes} bytes to ${allocatedBytes}`);
    const facts = { p99Ms: percentile(times, 0.99), mostMs: Math.max(...times), allocatedBytes };
    return { facts };
  },
};
