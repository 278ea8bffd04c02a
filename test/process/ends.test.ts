/** Promise 9 of reliability, short form: however a process ends while it trains, it ends as it would have without us. */
import test from 'ava';
import { runProgram } from './run-program.ts';

/** Milliseconds after the run's start, spread over its life: before the first step, in it, and later. */
const INSTANTS = [0, 1, 3, 10, 40, 90];

for (const ms of INSTANTS) {
  test.serial(`process.exit(7) after ${ms} ms of training gives exit code 7`, async (t) => {
    const { code, signal } = await runProgram('end.ts', ['exit', ms]);
    t.deepEqual({ code, signal }, { code: 7, signal: null });
  });

  test.serial(`an uncaught throw after ${ms} ms of training gives exit code 1 and its message`, async (t) => {
    const { code, signal, stderr } = await runProgram('end.ts', ['throw', ms]);
    t.deepEqual({ code, signal }, { code: 1, signal: null });
    t.regex(stderr, /Error: thrown while training/);
  });

  test.serial(`SIGINT after ${ms} ms of training ends the process by that signal`, async (t) => {
    const { code, signal } = await runProgram('end.ts', ['signal', ms]);
    t.deepEqual({ code, signal }, { code: null, signal: 'SIGINT' });
  });

  test.serial(`stopOnSignal after ${ms} ms: the run resolves, and the process ends by itself`, async (t) => {
    const { code, stdout } = await runProgram('end.ts', ['stop-on-signal', ms]);
    t.is(code, 0);
    t.is(stdout, 'stopped finite\n');
  });
}

test.serial('a process ends by itself after a run that nobody awaits', async (t) => {
  const { code, stderr } = await runProgram('end.ts', ['abandon', 20]);
  t.is(code, 0);
  t.is(stderr, '');
});
