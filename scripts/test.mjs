// `npm test`: the set-up that is missing, then every suite; the last line counts what passed and failed.
// `node scripts/test.mjs asan ubsan` runs single suites: native, js, examples, or the C++ tests of a CMake preset.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { buildJobs } from './build-native.mjs';
import { setUp } from './setup.mjs';
import { runMain, SetupError, TEST_NEEDS } from './system.mjs';

const SUITES = {
  native: () => nativeTests('release'),
  debug: () => nativeTests('debug'),
  asan: () => nativeTests('asan'),
  ubsan: () => nativeTests('ubsan'),
  tsan: () => nativeTests('tsan'),
  js: avaTests,
  examples,
};

/** A request for too much memory has to fail as without a sanitizer: there are tests of that. */
const SANITIZER_OPTIONS = {
  ASAN_OPTIONS: 'allocator_may_return_null=1',
  TSAN_OPTIONS: 'allocator_may_return_null=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

const CHOICE_TESTS = '-tc=choose*,conv2d_prediction_time*,Plan*';

await runMain(async () => {
  const named = process.argv.slice(2);
  const unknown = named.find((name) => !(name in SUITES));
  if (unknown)
    throw new SetupError(`no suite is called ${unknown}; there are ${Object.keys(SUITES).join(', ')}`);
  setUp('npm test', TEST_NEEDS);
  let passed = 0;
  let failed = 0;
  for (const name of named.length > 0 ? named : ['native', 'js', 'examples']) {
    console.log(`\n== ${name}`);
    const counts = await SUITES[name]();
    passed += counts.passed;
    failed += counts.failed;
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});

async function nativeTests(preset) {
  const folder = join('out', preset);
  const configure = ['cmake', '--preset', preset];
  if ((await run(configure)).status !== 0) {
    // A cache of another folder, generator or compiler: the second try starts from nothing.
    rmSync(folder, { recursive: true, force: true });
    if ((await run(configure)).status !== 0) return { passed: 0, failed: 1 };
  }
  const built = await run([
    'cmake',
    '--build',
    '--preset',
    preset,
    '--parallel',
    String(buildJobs()),
    '--',
    '--quiet',
  ]);
  if (built.status !== 0) return { passed: 0, failed: 1 };
  const program = join(folder, 'gradloom_tests');
  const counts = countDoctest(await run([program]));
  // Kernels are tested on every instruction set in one run; what is chosen, on the one that a run is held to.
  const { stdout } = spawnSync(program, ['--list-simd-targets'], { encoding: 'utf8' });
  for (const simd of stdout.split('\n').filter(Boolean).slice(1)) {
    console.log(`-- what is chosen with ${simd}`);
    const lesser = countDoctest(await run([program, CHOICE_TESTS], { GRADLOOM_SIMD: simd }));
    counts.passed += lesser.passed;
    counts.failed += lesser.failed;
  }
  return counts;
}

async function avaTests() {
  const result = await run([join('node_modules', '.bin', 'ava')]);
  return count(result, /^ *(\d+) tests? passed/m, /^ *(\d+) tests? failed/m);
}

/** Each is a program that checks itself: `--short` asks for the least work that still shows it to be right. */
async function examples() {
  const files = readdirSync('examples').filter((file) => file.endsWith('.ts'));
  let failed = 0;
  for (const file of files) {
    console.log(`-- examples/${file}`);
    const { status } = await run([process.execPath, '--import=tsx', join('examples', file), '--short']);
    if (status !== 0) failed += 1;
  }
  return { passed: files.length - failed, failed };
}

function countDoctest(result) {
  return count(
    result,
    /^\[doctest\] test cases: .*\| +(\d+) passed/m,
    /^\[doctest\] test cases: .*\| +(\d+) failed/m,
  );
}

/** A suite that ends badly has failed at least once, also where it died before it could count. */
function count({ status, output }, passedPattern, failedPattern) {
  const passed = Number(passedPattern.exec(output)?.[1] ?? 0);
  const failed = Number(failedPattern.exec(output)?.[1] ?? 0);
  return { passed, failed: status === 0 ? failed : Math.max(failed, 1) };
}

/** Shows a command's output and returns it. */
function run([command, ...options], settings = {}) {
  const color = process.stdout.isTTY && !process.env.NO_COLOR ? { FORCE_COLOR: '1' } : {};
  const child = spawn(command, options, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...SANITIZER_OPTIONS, ...process.env, ...color, ...settings },
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text) => {
    process.stdout.write(text);
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ status: code ?? 1, output: stripVTControlCharacters(output) }));
  });
}
