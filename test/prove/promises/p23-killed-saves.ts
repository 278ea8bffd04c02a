import { setTimeout as sleep } from 'node:timers/promises';
import { faultsOf } from '../checkpoint-files.ts';
import { type PromiseProof, randomIntegers, withFolder } from '../promise.ts';
import { startProgram } from '../start-program.ts';
import { hasStrace, injecting } from '../strace.ts';

/** What a save changes files by. */
const CALLS = ['pwrite64', 'fsync', 'rename', 'link', 'unlink'];
const ENDLESS = 100_000;

export const killedSaves: PromiseProof = {
  number: 23,
  title: 'SIGKILL at every system call of a save and at random instants: the newest checkpoint is whole',
  async prove({ length, seed, tally }) {
    const random = randomIntegers(seed);
    const kills = { atCalls: 0, atInstants: 0 };

    const check = async (folder: string, when: string) => {
      for (const fault of await faultsOf(folder)) tally.fail(`${when}: ${fault}`);
    };
    const begin = async (folder: string) => {
      const args = [folder, 'dense', seed, 1, 20];
      const { output } = await startProgram('train', args).ended;
      if (!output.includes('done')) tally.fail(`the first run: ${output}`);
    };

    if (hasStrace()) {
      const most = length === 'long' ? 60 : 1;
      for (const call of length === 'long' ? CALLS : ['pwrite64', 'rename']) {
        for (let nth = 1; nth <= most; nth++) {
          const wasKilled = await withFolder(async (folder) => {
            await begin(folder);
            const wrapper = injecting(`${call}:signal=SIGKILL:when=${nth}`);
            // The run that has ended writes its last checkpoint once more.
            const { output } = await startProgram('train', [folder, 'dense', seed, 1, 20], wrapper).ended;
            await check(folder, `${call} ${nth}`);
            return !output.includes('done');
          });
          if (!wasKilled) break;
          kills.atCalls++;
          tally.tried();
        }
      }
    }

    const trials = length === 'long' ? 1000 : 2;
    await withFolder(async (folder) => {
      for (let trial = 0; trial < trials; trial++) {
        const child = startProgram('train', [folder, 'dense', seed, ENDLESS, 1]);
        // Until then there is nothing to lose.
        await child.until(trial === 0 ? 'saved' : 'training');
        await sleep(random(150));
        child.kill();
        const { output, signal } = await child.ended;
        if (signal !== 'SIGKILL') tally.fail(`run ${trial}: ${output}`);
        await check(folder, `instant ${trial}`);
        kills.atInstants++;
        tally.tried();
      }
    });
    return { facts: kills };
  },
};
