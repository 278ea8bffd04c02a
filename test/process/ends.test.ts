/** Promise 9 of reliability, short form: however a process ends while it trains, it ends as it would have without us. */
import test from 'ava';
import { runProgram } from './run-program.ts';

/** Milliseconds after the run's start, spread over its life: before the first step, in it, and later. */
const INSTANTS = [0, 1, 3, 10, 40, 90];

for (const ms of INSTANTS) {
  test.serial(`process.exit(7) after ${ms} ms of training gives exit code 7`, async (t) => {
    const { code, signal } = await runProgram('end', ['exit', ms]);
    t.deepEqual({ code, signal }, { code: 7, signal: null });
  });

  test.serial(`an uncaught throw after ${ms} ms of training gives exit code 1 and its message`, async (t) => {
    const { code, signal, stderr } = await runProgram('end', ['throw', ms]);
    t.deepEqual({ code, signal }, { code: 1, signal: null });
    t.regex(stderr, /Error: thrown while training/);
  });

  test.serial(`SIGINT after ${ms} ms of training ends the process by that signal`, async (t) => {
    const { code, signal } = await runProgram('end', ['signal', ms]);
    t.deepEqual({ code, signal }, { code: null, signal: 'SIGINT' });
  });

  test.serial(`stopOnSignal after ${ms} ms: the run resolves, and the process ends by itself`, async (t) => {
    const { code, stdout } = await runProgram('end', ['stop-on-signal', ms]);
    t.is(code, 0);
    t.is(stdout, 'stopped finite\n');
  });
}

for (const ms of [0, 3, 20, 60]) {
  test.serial(
    `ended after ${ms} ms of training and predicting at once by exit, throw and signal`,
    async (t) => {
      const [exit, thrown, signal] = await Promise.all(
        ['exit', 'throw', 'signal'].map((way) => runProgram('end', [way, ms, 'predict'])),
      );
      t.like(exit, { code: 7, signal: null, stderr: '' });
      t.like(thrown, { code: 1, signal: null });
      t.regex(thrown?.stderr ?? '', /Error: thrown while training/);
      t.like(signal, { code: null, signal: 'SIGINT', stderr: '' });
    },
  );
}

test.serial('a process ends by itself after a run that nobody awaits', async (t) => {
  const { code, stderr } = await runProgram('end', ['abandon', 20]);
  t.is(code, 0);
  t.is(stderr, '');
});

for (const ms of [0, 3, 40]) {
  test.serial(`a custom loss, ended after ${ms} ms by exit, throw, signal and stop`, async (t) => {
    const [exit, thrown, signal, stopped] = await Promise.all(
      ['exit', 'throw', 'signal', 'stop-on-signal'].map((way) => runProgram('end', [way, ms, 'custom'])),
    );
    t.like(exit, { code: 7, signal: null });
    t.like(thrown, { code: 1, signal: null });
    t.regex(thrown?.stderr ?? '', /Error: thrown while training/);
    t.like(signal, { code: null, signal: 'SIGINT' });
    t.like(stopped, { code: 0, stdout: 'stopped finite\n' });
  });
}

test.serial('a process ends by itself after a run with a custom loss that nobody awaits', async (t) => {
  const { code, stderr } = await runProgram('end', ['abandon', 20, 'custom']);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

for (const call of [1, 30]) {
  test.serial(`from within a custom loss, at its call ${call}: exit, throw and stop`, async (t) => {
    const [exit, thrown, stopped] = await Promise.all(
      ['exit-inside', 'throw-inside', 'stop-inside'].map((way) => runProgram('end', [way, call, 'custom'])),
    );
    t.like(exit, { code: 7, signal: null, stdout: '' });
    t.like(thrown, { code: 1, signal: null, stdout: '' });
    t.regex(thrown?.stderr ?? '', /Error: thrown in the loss/);
    t.like(stopped, { code: 0, stdout: 'stopped\n' });
  });
}
