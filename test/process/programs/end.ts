/**
 * Trains, and ends the process in the given way after so many milliseconds: `end.ts <way> <ms> [custom | predict]`, with a
 * custom loss, or while two predictions of another model are under way at any time, of which one computes on threads that
 * stand by. From within that loss, at its call number <ms>: `exit-inside`, `throw-inside`, `stop-inside`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { stopOnSignal } from '../../../lib/index.ts';
import { digitsTrainer, ownCrossEntropy, wideModel } from './nets.ts';

const [way, ms, kind] = process.argv.slice(2);
const inside: Record<string, () => void> = {
  'exit-inside': () => process.exit(7),
  'throw-inside': () => {
    throw new Error('thrown in the loss');
  },
  'stop-inside': () => run.stop(),
};
const onCall = (call: number) => {
  if (call === Number(ms)) inside[way ?? '']?.();
};
const { model, trainer, train } =
  kind === 'custom' ? await digitsTrainer({ loss: ownCrossEntropy(onCall) }) : await digitsTrainer();
const run = trainer.fit(train, { epochs: 1_000_000 });
if (kind === 'predict') {
  const wide = wideModel();
  const samples = new Float32Array(64 * 784).fill(0.5);
  const predictForever = async () => {
    for (;;) await wide.predict(samples, { threads: 2 });
  };
  void predictForever();
  void predictForever();
}

switch (way) {
  case 'exit':
    setTimeout(() => process.exit(7), Number(ms));
    break;
  case 'throw':
    setTimeout(() => {
      throw new Error('thrown while training');
    }, Number(ms));
    break;
  case 'signal':
    setTimeout(() => process.kill(process.pid, 'SIGINT'), Number(ms));
    break;
  case 'stop-on-signal': {
    stopOnSignal(run);
    setTimeout(() => process.kill(process.pid, 'SIGINT'), Number(ms));
    const { reason } = await run;
    const weights = Object.values(model.getWeights());
    console.log(reason, weights.every(({ data }) => data.every(Number.isFinite)) ? 'finite' : 'broken');
    break;
  }
  case 'exit-inside':
  case 'throw-inside':
  case 'stop-inside':
    console.log((await run).reason);
    break;
  case 'abandon':
    await sleep(Number(ms));
    run.stop();
    break;
  default:
    throw new Error(`unknown way ${way}`);
}
