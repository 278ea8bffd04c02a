/** Whether memory stays flat: `memory.ts <steps> <models>`, run with --expose-gc. Prints one line of JSON. */
import { setImmediate as turn } from 'node:timers/promises';
import { dense, info, sequential } from '../../../lib/index.ts';
import { digitsTrainer } from './nets.ts';

const [steps = 1000, models = 100] = process.argv.slice(2).map(Number);
const collect = async () => {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await turn();
  }
};
const rss = () => process.memoryUsage.rss() / 2 ** 20;

const { trainer, train } = await digitsTrainer();
const batch = train.take(32);
// As long a run as the one that is measured: its history makes the heap grow once.
await trainer.fit(batch, { epochs: steps });
await collect();
const rssBefore = rss();
await trainer.fit(batch, { epochs: steps });
await collect();
const rssAfterSteps = rss();

const nativeBefore = info().allocatedBytes;
for (let i = 0; i < models; i++) {
  const model = sequential({ inputShape: [64], seed: i }, [dense({ units: 1024 }), dense({ units: 10 })]);
  model.predictSync(new Float32Array(64));
  if (i % 20 === 19) await collect();
}
await collect();
console.log(
  JSON.stringify({
    rssBefore,
    rssAfterSteps,
    rssAfterModels: rss(),
    nativeGrowth: info().allocatedBytes - nativeBefore,
  }),
);
