import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeNet } from '../nets.ts';
import { type PromiseProof, percentile, withFolder } from '../promise.ts';

const MOST_MS = 10;

export const eventLoop: PromiseProof = {
  number: 11,
  title: 'the event loop and file system calls are served while a model trains and writes checkpoints',
  prove({ length, seed, tally }) {
    return withFolder(async (folder) => {
      const threads = Math.max(1, availableParallelism() - 1);
      const { train, trainer } = await makeNet('dense', seed, threads);
      const seconds = length === 'long' ? 30 : 1;
      const run = trainer.fit(train, {
        epochs: 1_000_000,
        maxSeconds: seconds,
        checkpoint: { folder, everySeconds: 0.2 },
      });
      await sleep(200);
      const delays = monitorEventLoopDelay({ resolution: 1 });
      delays.enable();
      const reads: number[] = [];
      let isOver = false;
      const end = run.then(({ reason }) => {
        isOver = true;
        return reason;
      });
      while (!isOver) {
        const start = performance.now();
        await readFile('package.json');
        reads.push(performance.now() - start);
        tally.tried();
        await sleep(5);
      }
      delays.disable();
      // The monitor counts its own interval of 1 ms as delay.
      const p99 = delays.percentile(99) / 1e6 - 1;
      if ((await end) !== 'maxSeconds') tally.fail('the run did not end by its time');
      if (length === 'long' && p99 > MOST_MS) tally.fail(`p99 of the event loop's delay: ${p99} ms`);
      if (reads.length < 10) tally.fail(`only ${reads.length} files were read`);
      const readP99Ms = percentile(reads, 0.99);
      return { facts: { threads, delayP99Ms: p99, readP99Ms } };
    });
  },
};
