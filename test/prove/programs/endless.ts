/** A worker that trains until it is terminated. */
import { parentPort } from 'node:worker_threads';
import { makeNet } from '../nets.ts';

const { train, trainer } = await makeNet('conv', 1, 2);
trainer.fit(train, { epochs: 1_000_000 });
parentPort?.postMessage('training');
