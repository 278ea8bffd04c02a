import { hashOf, makeNet, NETS } from '../nets.ts';
import type { PromiseProof } from '../promise.ts';

const THREADS = [1, 2, 3, 4, 8];

export const determinism: PromiseProof = {
  number: 5,
  title: 'the same seed gives the same bits at 1, 2, 3, 4 and 8 threads',
  async prove({ length, seed, tally }) {
    const repeats = length === 'long' ? 50 : 1;
    const facts: Record<string, string> = {};
    for (const net of NETS) {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (const threads of THREADS) {
          const { train, trainer } = await makeNet(net, seed, threads);
          await trainer.fit(train, { epochs: 1, batchSize: 50, maxSteps: length === 'long' ? 29 : 8 });
          const hash = hashOf(trainer.model);
          facts[net] ??= hash;
          tally.tried();
          if (hash !== facts[net]) tally.fail(`${net}, ${threads} threads, repeat ${repeat}: ${hash}`);
        }
      }
    }
    return { facts };
  },
};
