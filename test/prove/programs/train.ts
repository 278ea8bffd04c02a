/**
 * Trains with checkpoints, or goes on from the latest one: `train.ts <folder> <net> <seed> <epochs> <every steps>`. Writes
 * `training` at the first step, `saved` at the first checkpoint, and at the end `done` with the hash of the weights, or `error` with its code.
 */
import { writeSync } from 'node:fs';
import { listCheckpoints, Trainer } from '../../../lib/index.ts';
import { hashOf, makeNet, type NetName } from '../nets.ts';

const [folder = '', net, seed, epochs, everySteps] = process.argv.slice(2);
const { train, trainer } = await makeNet(net as NetName, Number(seed));
let isTraining = false;
const onBatchEnd = () => {
  if (!isTraining) writeSync(1, 'training\n');
  isTraining = true;
};
const checkpoint = { folder, everySteps: Number(everySteps), keepLast: 2, keepBest: { metric: 'loss' } };
try {
  let isSaved = false;
  const onCheckpoint = () => {
    if (!isSaved) writeSync(1, 'saved\n');
    isSaved = true;
  };
  const isNew = (await listCheckpoints(folder)).length === 0;
  const { model, run } = isNew
    ? {
        model: trainer.model,
        run: trainer.fit(train, { epochs: Number(epochs), checkpoint, onBatchEnd, onCheckpoint }),
      }
    : await Trainer.resume(folder, train, { onBatchEnd }).then((resumed) => ({
        model: resumed.trainer.model,
        run: resumed.run,
      }));
  await run;
  writeSync(1, `done ${hashOf(model)}\n`);
} catch (error) {
  writeSync(1, `error ${(error as NodeJS.ErrnoException).code}\n`);
  process.exitCode = 3;
}
