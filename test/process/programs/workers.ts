/**
 * Workers that load the addon, train and end, several at a time, while this thread never loads it:
 * `workers.ts <count> <at a time> [custom | predict]`. Every other worker is terminated at a random instant. Prints a line for each
 * that has ended, and a last one of JSON.
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

const threadCount = () => Number(/Threads:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

function work(index: number): Promise<number> {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { kind } });
  if (index % 2 === 1) {
    worker.on('message', () => setTimeout(() => void worker.terminate(), (index * 7) % 40));
  }
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', resolve);
  });
}

const [count = 8, atATime = 2] = process.argv.slice(2, 4).map(Number);
const kind = process.argv[4];
let next = 0;
const codes: number[] = [];
const lane = async () => {
  while (next < count) {
    codes.push(await work(next++));
    console.log('tried 1');
  }
};
const threadsBefore = threadCount();
await Promise.all(Array.from({ length: atATime }, lane));
console.log(JSON.stringify({ codes, threadsBefore, threadsAfter: threadCount() }));
