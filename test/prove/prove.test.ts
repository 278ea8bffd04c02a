/** Promises about reliability in their short forms: no bars on times. `npm run prove` has the long ones. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { Tally } from './promise.ts';
import { PROOFS } from './promises/index.ts';

for (const { number, title, prove } of PROOFS) {
  test.serial(`promise ${number}: ${title}`, async (t) => {
    const tally = new Tally();
    const { skipped } = await prove({ length: 'short', seed: 1, tally });
    t.deepEqual(tally.failures, []);
    t.log(skipped === undefined ? String(tally) : `skipped: ${skipped}`);
    t.true(tally.trials > 0 || skipped !== undefined);
  });
}

test.serial('a long form that is stopped gives its counts last', async (t) => {
  const run = fileURLToPath(new URL('run.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import=tsx', run, '10'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  while (!output.startsWith('10: ')) await sleep(5);
  await sleep(500);
  child.kill('SIGTERM');
  const [code] = await once(child, 'close');
  t.is(code, 128 + 15);
  const [, trials] = /^10: stopped, (\d+) trials, 0 failures, seed 1, \d+ s\n$/m.exec(output) ?? [];
  t.true(Number(trials) > 0, output);
});
