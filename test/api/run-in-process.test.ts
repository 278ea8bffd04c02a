/** What a run does to the process around it: each test is a program of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../..', import.meta.url));

const SETUP = `
  import { adagrad, dense, fromArrays, sequential, stopOnSignal, Trainer } from './lib/index.ts';
  const model = sequential({ inputShape: [1] }, [dense({ units: 1 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'meanSquaredError' });
  const line = fromArrays({ inputs: [[0], [1]], inputShape: [1], labels: [[1], [3]] });
  const huge = fromArrays({ inputs: [[3e38]], inputShape: [1], labels: [[0]] });
`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string): Promise<Outcome> {
  const args = ['--import=tsx', '--input-type=module', '--eval', SETUP + program];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { cwd: root }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

test('the process lives as long as the run, and no longer', async (t) => {
  const outcome = await run(`
    trainer.fit(line, { epochs: 20_000 }).then(({ reason, epochs }) => console.log(reason, epochs.length));
  `);
  t.deepEqual(outcome, { code: 0, stdout: 'completed 20000\n', stderr: '' });
});

test('a failed run that nobody looks at ends the process as an unhandled rejection', async (t) => {
  const { code, stderr } = await run(`trainer.fit(huge);`);
  t.is(code, 1);
  t.regex(stderr, /GradloomError/);
  t.regex(stderr, /NOT_FINITE/);
});

test('a failure that came out of an iterator is not unhandled as well', async (t) => {
  const outcome = await run(`
    try {
      for await (const epoch of trainer.fit(huge)) console.log(epoch);
    } catch (error) {
      console.log(error.code);
    }
  `);
  t.deepEqual(outcome, { code: 0, stdout: 'NOT_FINITE\n', stderr: '' });
});

test('a failure that is awaited and iterated is seen by both', async (t) => {
  const outcome = await run(`
    const run = trainer.fit(huge);
    const awaited = run.then(null, (error) => console.log('awaited', error.code));
    try {
      for await (const epoch of run) console.log(epoch);
    } catch (error) {
      await awaited;
      console.log('iterated', error.code);
    }
  `);
  t.deepEqual(outcome, { code: 0, stdout: 'awaited NOT_FINITE\niterated NOT_FINITE\n', stderr: '' });
});

test('an endless run can be left by a break', async (t) => {
  const outcome = await run(`
    for await (const { epoch } of trainer.fit(line, { epochs: 2 ** 31 - 1 })) {
      console.log(epoch);
      if (epoch === 3) break;
    }
  `);
  t.deepEqual(outcome, { code: 0, stdout: '1\n2\n3\n', stderr: '' });
});

test('stopOnSignal stops the run and leaves no listener', async (t) => {
  const outcome = await run(`
    const run = stopOnSignal(trainer.fit(line, { epochs: 2 ** 31 - 1 }));
    setTimeout(() => process.kill(process.pid, 'SIGINT'), 20);
    console.log((await run).reason, process.listenerCount('SIGINT'));
    const short = stopOnSignal(trainer.fit(line), 'SIGTERM');
    console.log(process.listenerCount('SIGTERM'));
    await short;
    console.log(process.listenerCount('SIGTERM'));
  `);
  t.deepEqual(outcome, { code: 0, stdout: 'stopped 0\n1\n0\n', stderr: '' });
});

test('the progress line is written when it is asked for, and otherwise only to a terminal', async (t) => {
  const { stderr } = await run(`await trainer.fit(line, { epochs: 3, progress: 'line' });`);
  t.regex(stderr, /epoch 3\/3 .* loss \d+\.\d{4} .* samples\/s/);
  t.true(stderr.endsWith('\n'));
  const quiet = await run(`await trainer.fit(line, { epochs: 3 });`);
  t.is(quiet.stderr, '');
});
