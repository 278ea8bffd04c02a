/** Short forms of the measuring programs, without bars on times. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';

async function bench(...args: string[]) {
  const file = fileURLToPath(new URL('../../bench/run.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import=tsx', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code };
}

interface Part {
  readonly name: string;
  readonly pass: string;
  readonly ms: number;
  readonly gflops: number;
  readonly limit: string;
  readonly fraction: number;
}

test('--roofline: the parts make up the step, and the share is that of those near their limit', async (t) => {
  const { stdout, stderr, code } = await bench('digits-cnn', '--roofline', '--window-s', '0.02');
  t.is(code, 0, stderr);
  const line = JSON.parse(stdout);
  const parts: Part[] = line.parts;
  const sum = (some: readonly Part[]) => some.reduce((total, { ms }) => total + ms, 0);
  const isClose = (a: number, b: number) => Math.abs(a - b) <= 1e-4 * b;
  t.true(isClose(sum(parts), line.ms_per_step), stdout);
  t.true(
    Math.abs(
      sum(parts.filter(({ fraction }) => fraction >= 0.7)) / line.ms_per_step - line.share_near_limit,
    ) < 1e-4,
  );
  t.deepEqual(
    parts.filter(({ gflops }) => gflops > 0).map(({ name, pass }) => `${name} ${pass}`),
    ['conv2d_1 forward', 'dense_1 forward', 'dense_1 backward', 'conv2d_1 backward'],
  );
  // No kernel of this net does other operations than its definition.
  const multiplying = parts.filter(({ limit }) => limit === 'arithmetic');
  t.true(multiplying.length > 0);
  for (const { gflops, fraction } of multiplying) {
    t.true(isClose(gflops / line.peak_gflops, fraction), stdout);
  }
  t.true(parts.some(({ limit }) => limit === 'memory'));
  t.regex(stderr, /conv2d_1 +backward +direct .* of the step in parts at 70 % or more of their limit/s);
});

test('what has no roofline is told so', async (t) => {
  const { stderr, code } = await bench('skipgram', '--roofline');
  t.is(code, 1);
  t.is(stderr, 'bench: --roofline is for training, not for skipgram\n');
});
