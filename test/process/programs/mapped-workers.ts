/**
 * Workers that train on mapped files, while this thread never loads the addon: `mapped-workers.ts <folder> <count>`. The
 * first reads the files into memory; the others map them and are terminated while they train, and from under the last
 * one its file is cut short. Prints one line of JSON.
 */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { encodeNpy } from '../../../lib/formats/npy.ts';

const [folder = '', count = '2'] = process.argv.slice(2);
const COUNT = 4000;
const data = Float32Array.from({ length: COUNT * 64 }, (_, i) => Math.sin(i * 1.7));
writeFileSync(join(folder, 'x.npy'), encodeNpy({ shape: [COUNT, 64], data }));
const labels = Int32Array.from({ length: COUNT }, (_, i) => i % 4);
writeFileSync(join(folder, 'y.npy'), encodeNpy({ shape: [COUNT], data: labels }));

interface Told {
  readonly hash?: string;
  readonly trains?: true;
  readonly code?: string;
  readonly message?: string;
}

/** Runs a worker to its end; `onTraining` is called once, when it trains for good. */
function work(memory: 'copy' | 'map', onTraining: (worker: Worker) => void = () => {}) {
  const worker = new Worker(new URL('mapped-worker.mjs', import.meta.url), {
    workerData: { folder, memory },
  });
  let told: Told = {};
  worker.on('message', (message: Told) => {
    if (message.trains && !told.trains) onTraining(worker);
    told = { ...told, ...message };
  });
  return new Promise<Told & { exit: number }>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', (exit) => resolve({ ...told, exit }));
  });
}

const copied = await work('copy');
const terminated = await Promise.all(
  Array.from({ length: Number(count) }, (_, index) =>
    work('map', (worker) => setTimeout(() => void worker.terminate(), (index * 7) % 30)),
  ),
);
const stillMapped = readFileSync('/proc/self/maps', 'utf8').includes(join(folder, 'x.npy'));
const cut = await work('map', () => truncateSync(join(folder, 'x.npy'), 100_000));
console.log(JSON.stringify({ copied, terminated, cut, stillMapped }));
