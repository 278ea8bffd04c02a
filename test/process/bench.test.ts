/** Short forms of the measuring programs, without bars on times. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { compare, formatComparisons, meetsFloors } from '../../bench/peers/comparisons.ts';
import { GRADLOOM, PEERS } from '../../bench/peers/programs.ts';
import { judgePart } from '../../bench/studies/roofline.ts';
import { quantile } from '../../bench/timing/step-profiler.ts';
import type { NativeStepPart } from '../../lib/native/index.ts';

/** PyTorch, which waits for a quiet machine, is not there. */
const bench = (...args: string[]) => runFile('bench/run.ts', ...args);

async function runFile(path: string, ...args: string[]) {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const child = spawn(process.execPath, ['--import=tsx', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PY: '/nonexistent/python3' },
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

test('--roofline: rows of tables are held against rows in random order', async (t) => {
  const { stdout, stderr, code } = await bench(
    'sparse-logreg',
    '--roofline',
    '--turns',
    '1',
    '--window-s',
    '0.02',
  );
  t.is(code, 0, stderr);
  t.regex(stderr, /rows of 64 bytes read anywhere in 8 MiB.*rows of 64 bytes changed anywhere in 8 MiB/);
  const tables = (JSON.parse(stdout).parts as readonly Part[]).filter(({ name }) => name === 'sparseDense_1');
  t.deepEqual(
    tables.map(({ pass, limit }) => `${pass} ${limit}`),
    ['forward memory', 'backward memory'],
  );
  t.true(
    tables.every(({ fraction }) => fraction > 0 && Number.isFinite(fraction)),
    stdout,
  );
});

test('--roofline: the parts make up the step, and the share is that of those near their limit', async (t) => {
  const { stdout, stderr, code } = await bench(
    'iris',
    'digits-cnn',
    '--roofline',
    '--turns',
    '1',
    '--window-s',
    '0.02',
  );
  t.is(code, 0, stderr);
  const [iris, line] = stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  t.is(iris.workload, 'iris');
  t.is(line.workload, 'digits-cnn');
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
  t.true(line.peak_gdivisions > 0);
  t.regex(stderr, /conv2d_1 +backward +direct .* of the step in parts at 70 % or more of their limit/s);
});

test('--roofline: a part is held against the slowest of what it does', (t) => {
  const limits = {
    flopsPerSecond: 100e9,
    divisionsPerSecond: 4e9,
    bytesPerSecond: (workingSet: number) => (workingSet > 1e6 ? 10e9 : 50e9),
    rowBytesPerSecond: ({ rowBytes }: { readonly rowBytes: number }) => (rowBytes === 64 ? 5e9 : undefined),
  };
  const none = { flops: 0, kernelFlops: 0, divisions: 0, bytes: 0, workingSet: 0 };
  const judged = (work: Partial<NativeStepPart>) => {
    const table = { placedBytes: 0, rowBytes: 0, tableBytes: 0 };
    const part = { name: 'dense_1', pass: 'backward', kernel: 'panels', seconds: 1e-3, ...none, ...table };
    const { limit, fraction } = judgePart({ ...part, pass: 'backward', ...work }, 2e-3, limits);
    return [limit, Number(fraction.toFixed(6))];
  };
  t.deepEqual(judged({}), ['none', 0]);
  t.deepEqual(judged({ flops: 9e9, kernelFlops: 60e6, divisions: 2e6, bytes: 5e6 }), ['arithmetic', 0.6]);
  t.deepEqual(judged({ kernelFlops: 60e6, divisions: 3e6, bytes: 5e6 }), ['division', 0.75]);
  t.deepEqual(judged({ kernelFlops: 60e6, divisions: 3e6, bytes: 40e6, workingSet: 1e3 }), ['memory', 4]);
  t.deepEqual(judged({ divisions: 1e6, bytes: 0.4e6, workingSet: 0.5e6 }), ['division', 0.25]);
  // 3 MB of rows at their rate, 0.1 MB beside them.
  t.deepEqual(judged({ bytes: 3.1e6, placedBytes: 3e6, rowBytes: 64 }), ['memory', 0.602]);
});

test('--curves: a point for each value, with the products of its net', async (t) => {
  const { stdout, stderr, code } = await bench(
    '--curves',
    'depth',
    'threads',
    '--window-s',
    '0.001',
    '--threads',
    '1',
  );
  t.is(code, 0, stderr);
  const { curves } = JSON.parse(stdout);
  const [depth, ...threads] = curves;
  t.is(depth.axis, 'depth');
  for (const { value, threads: used, ms_per_step: ms, gflops } of depth.points) {
    // Each layer forward and for its weights; all but the first also for the gradient of the input.
    const products = 2 * 784 * 256 + 3 * (value - 1) * 256 * 256 + 3 * 256 * 10;
    t.is(used, 1);
    t.true(Math.abs((gflops * ms * 1e6) / (2 * 128 * products) - 1) < 1e-4, stdout);
  }
  t.deepEqual(
    depth.points.map(({ value }: { value: number }) => value),
    [1, 2, 4, 8, 16, 32],
  );
  for (const { axis, points } of threads) {
    t.is(axis, 'threads');
    t.deepEqual(
      points.map(({ threads }: { threads: number }) => threads),
      [1, 2, 4, 8],
    );
  }
  t.regex(stderr, /^784-512-256-10, batch 128$/m);
});

test('--busy-core: throughput and tail beside a loop that has had a processor', async (t) => {
  const { stdout, stderr, code } = await bench('digits-cnn', '--busy-core', '--window-s', '0.05');
  t.is(code, 0, stderr);
  const { quiet, busy, loop_share: loopShare, throughput, p99_over_median: tail } = JSON.parse(stdout);
  t.true(loopShare > 0 && loopShare <= 1.1, stdout);
  t.true(Math.abs((throughput * busy.ms_per_step) / quiet.ms_per_step - 1) < 1e-4, stdout);
  t.true(Math.abs((tail * busy.median_ms) / busy.p99_ms - 1) < 1e-4, stdout);
  for (const { median_ms: median, p99_ms: p99 } of [quiet, busy]) t.true(median > 0 && p99 >= median, stdout);
  t.regex(
    stderr,
    /^throughput: \d+ % of the quiet one; at least 40 %: (NOT )?met\np99 \/ median: .*; at most 3: (NOT )?met$/m,
  );
});

test('quantile: the smallest value at least as large as that part of them', (t) => {
  const values = Float64Array.from({ length: 200 }, (_, place) => (place * 7) % 200);
  t.is(quantile(values, 0.99), 197);
  t.is(quantile(values, 0.5), 99);
  t.is(quantile(values, 1), 199);
  t.is(quantile(Float64Array.of(3, 1), 0.5), 1);
});

test('--memory: the peak of a process that trains', async (t) => {
  const { stdout, stderr, code } = await bench('--memory', 'iris', '--window-s', '0.01', '--threads', '1');
  t.is(code, 0, stderr);
  const { peak_mib: peaks } = JSON.parse(stdout);
  t.deepEqual(
    peaks.map(({ workload }: { workload: string }) => workload),
    ['iris'],
  );
  // Node and the addon take more than 30 MiB; nothing here needs a gigabyte.
  for (const { gradloom, torch } of peaks) {
    t.true(gradloom > 30 && gradloom < 1000, stdout);
    t.is(torch, null);
  }
  t.regex(stderr, /^torch is skipped: .*\nworkload .*\niris +\d+ +-\n/);
});

test('curves and workloads that do not exist are refused by name', async (t) => {
  t.is((await bench('--curves', 'dept')).stderr, 'bench: there is no curve "dept"; did you mean "depth"?\n');
  const { stderr, code } = await bench('--memory', 'skipgram');
  t.is(code, 1);
  t.regex(stderr, /^bench: there is no workload "skipgram"/);
});

test('what has no roofline is told so', async (t) => {
  for (const option of ['--roofline', '--busy-core']) {
    const { stderr, code } = await bench('skipgram', option);
    t.is(code, 1);
    t.is(stderr, `bench: ${option} is for training, not for skipgram\n`);
  }
});

test('beside peers: each row has its ratio, its fraction of the limit, its floor and a verdict', (t) => {
  const torch = PEERS.find(({ name }) => name === 'torch') as (typeof PEERS)[number];
  const limits = new Map([
    [1, { flopsPerSecond: 100e9, bytesPerSecond: (workingSet: number) => (workingSet > 1e6 ? 10e9 : 50e9) }],
  ]);
  const measure = (
    peer: typeof torch,
    workload: string,
    times: readonly number[],
    work: Partial<Work> = {},
  ) =>
    times.map((ms, repeat) => {
      const counted = { flops: 0, bytes: 0, workingSet: 0, ...work };
      return { peer, workload, threads: 1, repeat, version: '1', ms, work: counted };
    });
  const comparisons = compare(
    [
      ...measure(GRADLOOM, 'mlp', [2, 1, 3], { flops: 150e6 }),
      ...measure(torch, 'mlp', [6, 4, 5], { flops: 7 }),
      ...measure(GRADLOOM, 'adagrad-update', [4], { bytes: 20e6, workingSet: 12e6 }),
      ...measure(torch, 'adagrad-update', [3]),
      ...measure(GRADLOOM, 'sparse-logreg-100m', [3, 5]),
      ...measure(torch, 'sparse-logreg-100m', [9, 7]),
    ],
    limits,
  );
  t.deepEqual(
    comparisons.map(({ ratio, lowest, highest, limitMs, floor }) => [ratio, lowest, highest, limitMs, floor]),
    [
      [2.5, 5 / 3, 4, 1.5, 1.4],
      [0.75, 0.75, 0.75, 2, 0.9],
      [2, 7 / 5, 3, undefined, undefined],
    ],
  );
  const [, mlp, update, table] = formatComparisons(comparisons).split('\n');
  t.regex(mlp as string, /^mlp .* 75 % +30 % +1\.4 +ahead$/);
  t.regex(update as string, /^adagrad-update .* 50 % +67 % +0\.9 +BEHIND$/);
  t.regex(table as string, /^sparse-logreg-100m .* 1\.40 to 3\.00$/);
  t.false(meetsFloors(comparisons));
  t.true(meetsFloors(comparisons.filter(({ workload }) => workload !== 'adagrad-update')));
});

interface Work {
  readonly flops: number;
  readonly bytes: number;
  readonly workingSet: number;
}

for (const path of ['bench/run.ts', 'bench/peers.ts', 'bench/mapped.ts', 'test/prove/run.ts']) {
  test.serial(`${path} says how it is used, also when it is used otherwise`, async (t) => {
    const [help, ...wrong] = await Promise.all(
      [['--help'], ['--nothing'], ['--threads', 'x']].map((args) => runFile(path, ...args)),
    );
    t.like(help, { code: 0, stderr: '' });
    t.regex(help?.stdout ?? '', /^usage: npm run /);
    for (const { code, stdout, stderr } of wrong) {
      t.deepEqual({ code, stdout }, { code: 2, stdout: '' });
      t.true(stderr.endsWith(`\n\n${help?.stdout}`), stderr);
      t.notRegex(stderr, /^ +at /m);
    }
  });
}

test.serial('proofs are chosen by their numbers', async (t) => {
  const [listed, unknown] = await Promise.all([
    runFile('test/prove/run.ts', '27', '7', '--list'),
    runFile('test/prove/run.ts', '7', '99'),
  ]);
  t.like(listed, { code: 0, stderr: '' });
  t.regex(listed.stdout, /^ {3}7 {2}the floating-point mode .*\n {2}27 {2}from the first checkpoint .*\n$/);
  t.is(unknown.code, 2);
  t.regex(unknown.stderr, /^there is no proof of promise 99\n/);
});
