/**
 * What a worker of `workers.ts` does: loads the addon, trains to an end, then trains until it is stopped or terminated; or,
 * asked to predict, predicts for a while, on this thread and on threads of jobs, with others that stand by.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { digitsTrainer, irisTrainer, ownCrossEntropy, wideModel } from './nets.ts';

if (workerData.kind === 'predict') {
  const model = wideModel();
  const samples = new Float32Array(64 * 784).fill(0.5);
  const sample = samples.subarray(0, 784);
  model.predictSync(sample, { threads: 2 });
  parentPort?.postMessage('predicting');
  for (const end = performance.now() + 60; performance.now() < end; ) {
    model.predictSync(sample, { threads: 2 });
    await Promise.all([sample, samples].map((some) => model.predict(some, { threads: 2 })));
  }
  process.exit(0);
}

const first = await irisTrainer();
await first.trainer.fit(first.train, { epochs: 3 });

const second = await digitsTrainer(workerData.kind === 'custom' ? { loss: ownCrossEntropy() } : {});
const run = second.trainer.fit(second.train, { epochs: 100_000 });
parentPort?.postMessage('training');
setTimeout(() => run.stop(), 30);
await run;
