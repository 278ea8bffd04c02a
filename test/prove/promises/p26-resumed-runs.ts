import { hashOf, makeNet, NETS, STREAMED } from '../nets.ts';
import { type PromiseProof, randomIntegers, withFolder } from '../promise.ts';
import { startProgram } from '../start-program.ts';

const EPOCHS = 3;
const ALL = [STREAMED, ...NETS] as const;

export const resumedRuns: PromiseProof = {
  number: 26,
  title: 'runs killed at random batches and gone on with end with the bits of a run without a break',
  async prove({ length, seed, tally }) {
    const random = randomIntegers(seed);
    const facts: Record<string, string> = {};
    const wanted = length === 'long' ? 200 : 2;
    let kills = 0;
    for (let round = 0; kills < wanted; round++) {
      const net = ALL[round % ALL.length] as (typeof ALL)[number];
      const { train, trainer } = await makeNet(net, seed);
      await trainer.fit(train, { epochs: EPOCHS });
      const expected = hashOf(trainer.model);
      facts[net] = expected;
      const last = await withFolder(async (folder) => {
        for (let attempt = 1; ; attempt++) {
          const child = startProgram('train', [folder, net, seed, EPOCHS, 1]);
          await child.until('training');
          // Later ones have longer, so that a run comes to its end also where a save takes longer than the first has.
          const delay = setTimeout(() => child.kill(), random(250) + 10 * attempt);
          const { output, signal, errors } = await child.ended;
          clearTimeout(delay);
          if (signal === null) return output + errors;
          kills++;
          tally.tried();
        }
      });
      if (!last.includes(`done ${expected}`)) tally.fail(`${net}: expected ${expected}, got ${last}`);
    }
    return { facts };
  },
};
