import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { digitsTrainer } from './programs/nets.ts';

test.serial(
  'timers and file system calls are served while a model trains, also eight runs at once',
  async (t) => {
    const started = await Promise.all(
      Array.from({ length: 8 }, async (_, seed) => {
        const { trainer, train } = await digitsTrainer({ threads: 1, seed });
        // In an array: an async function that returned the run itself would wait for its end.
        return [trainer.fit(train, { epochs: 1_000_000 })];
      }),
    );
    const runs = started.flat();
    const ended = Promise.race(runs.map(async (run) => (await run).reason));
    for (let i = 0; i < 20; i++) {
      await sleep(1);
      t.true((await readFile('package.json')).length > 0);
    }
    t.is(await Promise.race([ended, sleep(0, 'still training')]), 'still training');
    for (const run of runs) run.stop();
    for (const run of runs) t.is((await run).reason, 'stopped');
  },
);

test.serial('the floating-point mode of this thread is as before after loading and training', async (t) => {
  const denormal = Number.MIN_VALUE;
  const { trainer, train } = await digitsTrainer();
  await trainer.fit(train.take(64), { epochs: 2 });
  // With flush-to-zero or denormals-are-zero set, both would be 0; another rounding mode would move the quotient.
  t.is(denormal * 1, 5e-324);
  t.is(2.2250738585072014e-308 / 4 > 0, true);
  t.is(1 / 3, 0.3333333333333333);
});
