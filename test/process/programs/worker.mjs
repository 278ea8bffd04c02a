/** What a worker of `workers.ts` does: loads the addon, trains to an end, then trains until it is stopped or terminated. */
import { parentPort, workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { digitsTrainer, irisTrainer, ownCrossEntropy } = await import('./nets.ts');

const first = await irisTrainer();
await first.trainer.fit(first.train, { epochs: 3 });

const second = await digitsTrainer(workerData.loss === 'custom' ? { loss: ownCrossEntropy() } : {});
const run = second.trainer.fit(second.train, { epochs: 100_000 });
parentPort.postMessage('training');
setTimeout(() => run.stop(), 30);
await run;
