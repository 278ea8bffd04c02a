/**
 * What a worker of `mapped-workers.ts` does: trains on the files of `folder` as `memory` says, posts the hash of its weights, then
 * trains until it is stopped, terminated or fails; posts the code of the error.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { adagrad, dense, type GradloomError, npy, sequential, Trainer } from '../../../lib/index.ts';

const { folder, memory } = workerData;
const train = await npy({ inputs: join(folder, 'x.npy'), labels: join(folder, 'y.npy'), memory });
const model = sequential({ inputShape: train.inputShape, seed: 1 }, [
  dense({ units: 32, activation: 'relu' }),
  dense({ units: 4 }),
]);
const options = {
  optimizer: adagrad({ learningRate: 0.02 }),
  loss: 'softmaxCrossEntropy',
  threads: 2,
} as const;
const trainer = new Trainer(model, options);
await trainer.fit(train, { epochs: 2 });
const hash = createHash('sha256');
for (const { data } of Object.values(model.getWeights())) hash.update(data);
parentPort?.postMessage({ hash: hash.digest('hex') });
if (memory === 'copy') process.exit(0);
const run = trainer.fit(train, { epochs: 1e6, onBatchEnd: () => parentPort?.postMessage({ trains: true }) });
try {
  await run;
} catch (error) {
  const { code, message } = error as GradloomError;
  parentPort?.postMessage({ code, message });
}
