/** Data that do not fit, short form: a set of 200 MB, without bars on times. `npm run bench:mapped` is the long one, with 8 GB. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const MEGABYTES = 200;

test('training on a mapped set, from a stream, and writing one take memory that is bounded', async (t) => {
  const file = fileURLToPath(new URL('../../bench/mapped.ts', import.meta.url));
  const args = ['--megabytes', MEGABYTES, '--steps', 100, '--rounds', 1].map(String);
  const child = spawn(process.execPath, ['--import=tsx', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  t.is(code, 0, stderr);
  const measured = JSON.parse(stdout);
  const growth = (task: string) => measured[task].anonymousMost - measured[task].anonymousBefore;
  // What is compared with shows that the figure tells.
  t.true(growth('copied') > MEGABYTES, stdout);
  for (const task of ['whole', 'mapped']) t.true(growth(task) < 60, stdout);
  for (const task of ['write', 'stream']) t.true(measured[task].anonymousMost < 300, stdout);
});
