import { type PromiseProof, withFolder } from '../promise.ts';
import { startProgram } from '../start-program.ts';

/** Faults are told apart by the line of `lib/` that they come from. */
const WITH_LINES = ['env', 'NODE_OPTIONS=--enable-source-maps'];

/** A process makes so many, so that one that has gone astray is no matter of the others. */
const CALLS = 20_000;

export const hostileArguments: PromiseProof = {
  number: 13,
  title: 'every exported function and method against hostile arguments: documented errors only',
  async prove({ length, seed, tally }) {
    const processes = length === 'long' ? 50 : 1;
    const calls = length === 'long' ? CALLS : 6_000;
    let functions = 0;
    for (let round = 0; round < processes; round++) {
      await withFolder(async (folder) => {
        const args = [folder, calls, seed + round];
        const { code, signal, output, errors } = await startProgram('hostile', args, WITH_LINES).ended;
        const lines = output.split('\n').filter((line) => line !== '');
        functions = Number(lines.pop());
        const found = lines.map((line) => `seed ${seed + round}: ${JSON.parse(line)}`);
        if (code !== 0)
          found.push(`seed ${seed + round}: code ${code}, signal ${signal}, ${errors.slice(0, 500)}`);
        for (const failure of found) tally.fail(failure);
      });
      tally.tried(calls);
    }
    return { facts: { functions } };
  },
};
