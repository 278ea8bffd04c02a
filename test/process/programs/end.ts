/** Trains, and ends the process in the given way after so many milliseconds: `end.ts <way> <ms>`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { stopOnSignal } from '../../../lib/index.ts';
import { digitsTrainer } from './nets.ts';

const [way, ms] = process.argv.slice(2);
const { model, trainer, train } = await digitsTrainer();
const run = trainer.fit(train, { epochs: 1_000_000 });

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
  case 'abandon':
    await sleep(Number(ms));
    run.stop();
    break;
  default:
    throw new Error(`unknown way ${way}`);
}
