import { setImmediate as turn } from 'node:timers/promises';
import { listCheckpoints } from '../../../lib/index.ts';
import { faultsOf } from '../checkpoint-files.ts';
import { makeNet } from '../nets.ts';
import { type PromiseProof, randomIntegers, withFolder } from '../promise.ts';

export const keptFiles: PromiseProof = {
  number: 27,
  title: 'from the first checkpoint on a whole one is there at any time, however few are kept',
  async prove({ length, seed, tally }) {
    const random = randomIntegers(seed);
    const runs = length === 'long' ? 60 : 2;
    for (let index = 0; index < runs; index++) {
      const keepLast = 1 + (index % 3);
      await withFolder(async (folder) => {
        const { train, trainer } = await makeNet('dense', seed + index);
        const checkpoint = { folder, everySteps: 1 + random(3), keepLast };
        const run = trainer.fit(train, { epochs: 1, batchSize: 16, checkpoint });
        let isOver = false;
        const end = run.then(() => {
          isOver = true;
        });
        let hasBegun = false;
        while (!isOver) {
          const files = await listCheckpoints(folder);
          if (files.length > 0) hasBegun = true;
          tally.tried();
          if (hasBegun && files.length === 0) tally.fail(`keepLast ${keepLast}: none is there`);
          if (files.length > keepLast + 1) tally.fail(`keepLast ${keepLast}: ${files.length} are there`);
          await turn();
        }
        await end;
        for (const fault of await faultsOf(folder)) tally.fail(`keepLast ${keepLast}: ${fault}`);
        const { length: count } = await listCheckpoints(folder);
        if (count > keepLast) tally.fail(`keepLast ${keepLast}: ${count} stay`);
      });
    }
    return { facts: { runs } };
  },
};
