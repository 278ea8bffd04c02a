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
    const call = (from: number) =>
      withFolder(async (folder) => {
        const args = [folder, calls, from];
        const { code, signal, output, errors } = await startProgram('hostile', args, WITH_LINES).ended;
        const lines = output.split('\n').filter((line) => line !== '');
        functions = Number(lines.pop());
        for (const line of lines) tally.fail(`seed ${from}: ${JSON.parse(line)}`);
        if (code !== 0) tally.fail(`seed ${from}: code ${code}, signal ${signal}, ${errors.slice(0, 500)}`);
        tally.tried(calls);
      });
    let next = 0;
    // Two at a time, as each waits for files and threads in a third of its time.
    const lane = async () => {
      while (next < processes) await call(seed + next++);
    };
    await Promise.all([lane(), lane()]);
    return { facts: { functions } };
  },
};
