/**
 * Trains with checkpoints in a folder, as a Worker or as a process, `folder-owner.mjs <folder>`; says `owns` when the first is written, and
 * holds the run up there. As a process it has a child, whose number it says as well.
 */
import { spawn } from 'node:child_process';
import { parentPort, workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { irisTrainer } = await import('./nets.ts');
const { trainer, train } = await irisTrainer();
const folder = workerData?.folder ?? process.argv[2];
const run = trainer.fit(train, {
  epochs: 1_000_000,
  checkpoint: { folder, everySteps: 7 },
  onCheckpoint: ({ steps }) => {
    run.pause();
    if (steps > 7) return;
    if (parentPort !== null) parentPort.postMessage('owns');
    else console.log('owns', spawn('sleep', ['600'], { stdio: 'ignore' }).pid);
  },
});
await run;
