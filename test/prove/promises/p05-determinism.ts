import { hashOf, makeNet, NETS } from '../nets.ts';
import type { PromiseProof } from '../promise.ts';

const THREADS = [1, 2, 3, 4, 8];

export const determinism: PromiseProof = {
  number: 5,
  title: 'the same seed gives the same bits at 1, 2, 3, 4 and 8 threads',
  async prove({ length, seed, say }) {
    const repeats = length === 'long' ? 50 : 1;
    const failures: string[] = [];
    const facts: Record<string, string> = {};
    let trials = 0;
    for (const net of NETS) {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (const threads of THREADS) {
          const { train, trainer } = await makeNet(net, seed, threads);
          await trainer.fit(train, { epochs: 1, batchSize: 50, maxSteps: length === 'long' ? 29 : 8 });
          const hash = hashOf(trainer.model);
          facts[net] ??= hash;
          trials++;
          if (hash !== facts[net]) failures.push(`${net}, ${threads} threads, repeat ${repeat}: ${hash}`);
        }
      }
      say(`${net}: ${facts[net]}`);
    }
    return { trials, failures, facts };
  },
};
