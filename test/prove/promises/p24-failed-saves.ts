import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { listCheckpoints, Trainer } from '../../../lib/index.ts';
import { faultsOf, temporariesOf } from '../checkpoint-files.ts';
import { makeNet } from '../nets.ts';
import { type PromiseProof, withFolder } from '../promise.ts';
import { startProgram } from '../start-program.ts';
import { hasStrace, injecting } from '../strace.ts';

/** A system call of a save, and what it may fail with. */
const FAULTS = [
  ['pwrite64', 'EIO'],
  ['pwrite64', 'ENOSPC'],
  ['pwrite64', 'EINTR'],
  ['fsync', 'EIO'],
  ['fsync', 'ENOSPC'],
  ['rename', 'EIO'],
  ['rename', 'EACCES'],
] as const;
/** Those are tried again. */
const HARMLESS = 'EINTR';
/** Larger files are cut short and then refused, which is what a full disk does. */
const MOST_BLOCKS = 1200;

export const failedSaves: PromiseProof = {
  number: 24,
  title:
    'a save that fails at any write, flush or rename: an error, the old files whole, nothing left behind',
  async prove({ length, seed, tally }) {
    if (!hasStrace()) return { skipped: 'strace cannot trace here' };

    /** One save that fails at its `what`; false when there is no such call any more. */
    const attempt = (what: string, wrapper: readonly string[], expected: string) =>
      withFolder(async (folder) => {
        const args = [folder, 'dense', seed, 1, 1_000_000];
        await startProgram('train', args).ended;
        const [before] = await listCheckpoints(folder);
        const bytes = await readFile(before?.path ?? '');
        const { output, errors } = await startProgram('train', args, wrapper).ended;
        if (output.includes('done') && expected !== HARMLESS) return false;
        tally.tried();
        const fail = (text: string) => tally.fail(`${what}: ${text}`);
        const good = expected === HARMLESS ? 'done' : `error ${expected}`;
        if (!output.includes(good)) fail(`${output} ${errors.slice(0, 200)}`);
        for (const fault of await faultsOf(folder)) fail(fault);
        // Only a flush of the folder fails when the new file has its name.
        const isOld = (await readFile(before?.path ?? '')).equals(bytes);
        if (!isOld && expected !== HARMLESS && !what.startsWith('fsync')) fail('the old file has changed');
        // The next save, from the old one.
        const { train } = await makeNet('dense', seed);
        const { run } = await Trainer.resume(folder, train);
        await run;
        for (const fault of await faultsOf(folder)) fail(fault);
        const left = await temporariesOf(folder);
        if (left.length > 0) fail(`${left.length} temporary files are left`);
        return true;
      });

    for (const [call, error] of length === 'long' ? FAULTS : FAULTS.slice(1, 2)) {
      const most = length === 'short' ? 1 : error === HARMLESS ? 4 : 40;
      for (let nth = 1; nth <= most; nth++) {
        const what = `${call}:error=${error}:when=${nth}`;
        if (!(await attempt(what, injecting(what), error))) break;
      }
    }
    // `trap` lets the write fail instead of a signal end the process.
    const limited = ['bash', '-c', `trap '' XFSZ; ulimit -f ${MOST_BLOCKS}; exec "$@"`, 'limited'];
    if (spawnSync('bash', ['-c', 'ulimit -f 100']).status === 0)
      await attempt('a short write', limited, 'EFBIG');
    return {};
  },
};
