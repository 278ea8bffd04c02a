/** Trains, and ends in the given way after so many milliseconds: `end.ts <way> <ms>`. Writes when that was. */
import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

const [way, ms] = process.argv.slice(2);
const end = () => {
  writeSync(1, `end ${Date.now()}\n`);
  if (way === 'exit') process.exit(7);
  if (way === 'throw') throw new Error('thrown while training');
  process.kill(process.pid, 'SIGINT');
};
if (way === 'terminate') {
  const worker = new Worker(new URL('endless.mjs', import.meta.url));
  worker.once('message', () =>
    setTimeout(() => {
      writeSync(1, `end ${Date.now()}\n`);
      void worker.terminate();
    }, Number(ms)),
  );
} else {
  const { makeNet } = await import('../nets.ts');
  const { train, trainer } = await makeNet('conv', 1, 2);
  void trainer.fit(train, { epochs: 1_000_000 });
  setTimeout(end, Number(ms));
}
