/** Promise 8 of reliability, short form: workers that load the addon, train and die, on a main thread without it. */
import test from 'ava';
import { lastLineOf, runProgram } from './run-program.ts';

test.serial(
  '24 workers, 3 at a time, half of them terminated while they train: no crash, no thread left',
  async (t) => {
    const { code, signal, stdout, stderr } = await runProgram('workers', [24, 3]);
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
    const { codes, threadsBefore, threadsAfter } = JSON.parse(lastLineOf(stdout));
    t.is(codes.length, 24);
    t.true(
      codes.every((exit: number) => exit === 0 || exit === 1),
      `exit codes ${codes}`,
    );
    // OpenMP keeps the pool of a thread that ended for the next one.
    t.true(threadsAfter <= threadsBefore + 8, `${threadsBefore} threads before, ${threadsAfter} after`);
  },
);

test.serial(
  '12 workers that predict on threads that stand by, half of them terminated meanwhile',
  async (t) => {
    const { code, signal, stdout, stderr } = await runProgram('workers', [12, 2, 'predict']);
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
    const { codes, threadsBefore, threadsAfter } = JSON.parse(lastLineOf(stdout));
    t.is(codes.length, 12);
    t.true(
      codes.every((exit: number) => exit === 0 || exit === 1),
      `exit codes ${codes}`,
    );
    t.true(threadsAfter <= threadsBefore + 8, `${threadsBefore} threads before, ${threadsAfter} after`);
  },
);

test.serial('8 workers with custom losses, half of them terminated while they train', async (t) => {
  const { code, signal, stdout, stderr } = await runProgram('workers', [8, 2, 'custom']);
  t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  const { codes } = JSON.parse(lastLineOf(stdout));
  t.is(codes.length, 8);
  t.true(
    codes.every((exit: number) => exit === 0 || exit === 1),
    `exit codes ${codes}`,
  );
});
