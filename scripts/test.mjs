// `npm test`: the set-up that is missing, then every suite; the last line counts what passed and failed.
// `npm test -- native js` runs some suites; `npm test -- conv2d` the test files and examples with conv2d in their path.
// `node scripts/test.mjs asan ubsan` runs the C++ tests of CMake presets, for as long as these take.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { buildJobs } from './build-native.mjs';
import { setUp } from './setup.mjs';
import { PRESET_NEEDS, runMain, SetupError, TEST_HELPS, TEST_NEEDS } from './system.mjs';

/** Each takes the files to test, all of a kind or some. */
const SUITES = {
  native: (files) => nativeTests(files),
  js: avaTests,
  examples,
};
const PRESETS = ['debug', 'asan', 'ubsan', 'tsan'];

const FILES = {
  native: () => filesOf(join('test', 'native'), '_test.cc'),
  js: () => filesOf('test', '.test.ts'),
  examples: () => readdirSync('examples').filter((file) => file.endsWith('.ts')),
};

/** A request for too much memory has to fail as without a sanitizer: there are tests of that. */
const SANITIZER_OPTIONS = {
  ASAN_OPTIONS: 'allocator_may_return_null=1',
  TSAN_OPTIONS: 'allocator_may_return_null=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

const CHOICE_TESTS = '-tc=choose*,conv2d_prediction_time*,Plan*';

await runMain(async () => {
  const words = process.argv.slice(2);
  const work = choose(words);
  const needs = words.some((word) => PRESETS.includes(word)) ? [...TEST_NEEDS, ...PRESET_NEEDS] : TEST_NEEDS;
  setUp(['npm test', ...(words.length > 0 ? ['--', ...words] : [])].join(' '), needs, TEST_HELPS);
  let passed = 0;
  let failed = 0;
  for (const [name, run] of work) {
    const begin = performance.now();
    console.log(`\n== ${name}`);
    const counts = await run();
    console.log(`-- ${name} took ${Math.round((performance.now() - begin) / 1000)} s`);
    passed += counts.passed;
    failed += counts.failed;
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});

/** What to run by the words of the command: names of suites and presets, or parts of paths. Without any, all suites. */
function choose(words) {
  const suites = words.length > 0 ? words : Object.keys(SUITES);
  if (suites.every((word) => word in SUITES || PRESETS.includes(word))) {
    return suites.map((name) => [name, () => SUITES[name]?.() ?? nativeTests(undefined, name)]);
  }
  const work = Object.entries(FILES).flatMap(([name, list]) => {
    const files = list().filter((file) => words.some((word) => file.includes(word)));
    return files.length > 0 ? [[name, () => SUITES[name](files)]] : [];
  });
  if (work.length > 0) return work;
  throw new SetupError(
    `no test file has ${words.join(' or ')} in its path, and no suite is called so; there are ${[...Object.keys(SUITES), ...PRESETS].join(', ')}`,
  );
}

function filesOf(folder, end) {
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith(end))
    .map((file) => join(folder, file))
    .sort();
}

async function nativeTests(files, preset) {
  const program = preset === undefined ? await buildTests('build') : await buildPreset(preset);
  if (program === undefined) return { passed: 0, failed: 1 };
  const counts = await testNativeFiles(program, files ?? FILES.native());
  if (files !== undefined) return counts;
  // Kernels are tested on every instruction set in one run; what is chosen, on the one that a run is held to.
  const { stdout } = spawnSync(program, ['--list-simd-targets'], { encoding: 'utf8' });
  for (const simd of stdout.split('\n').filter(Boolean).slice(1)) {
    console.log(`-- what is chosen with ${simd}`);
    add(counts, countDoctest(await run([program, CHOICE_TESTS], { GRADLOOM_SIMD: simd })));
  }
  return counts;
}

/** Beside the addon, from the same objects. */
async function buildTests(folder) {
  const target = ['--target', 'gradloom_tests', '--parallel', String(buildJobs())];
  const { status } = await run(['cmake', '--build', folder, ...target]);
  return status === 0 ? join(folder, 'gradloom_tests') : undefined;
}

async function buildPreset(preset) {
  const folder = join('out', preset);
  const configure = ['cmake', '--preset', preset];
  if ((await run(configure)).status !== 0) {
    // A cache of another folder, generator or compiler: the second try starts from nothing.
    rmSync(folder, { recursive: true, force: true });
    if ((await run(configure)).status !== 0) return undefined;
  }
  return await buildTests(folder);
}

/** As many files at once as there are processors, each by a process of its own; shown are those that fail. */
async function testNativeFiles(program, files) {
  const counts = { passed: 0, failed: 0, assertions: 0 };
  const waiting = [...files];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const outcome = await run([program, `--source-file=*${file}`], {}, { isQuiet: true });
      const of = countDoctest(outcome);
      if (of.failed > 0) console.log(`-- ${file}\n${outcome.output}`);
      add(counts, of);
      counts.assertions += Number(/^\[doctest\] assertions: *(\d+)/m.exec(outcome.output)?.[1] ?? 0);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const { passed, failed, assertions } = counts;
  console.log(`${passed} C++ tests passed, ${failed} failed, with ${assertions} assertions`);
  return counts;
}

async function avaTests(files = []) {
  const result = await run([join('node_modules', '.bin', 'ava'), ...files]);
  return count(result, /^ *(\d+) tests? passed/m, /^ *(\d+) tests? failed/m);
}

/** Each is a program that checks itself: `--short` asks for the least work that still shows it to be right. */
async function examples(files = FILES.examples()) {
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

function add(counts, { passed, failed }) {
  counts.passed += passed;
  counts.failed += failed;
}

/** Shows a command's output, unless it is to be quiet, and returns it. */
function run([command, ...options], settings = {}, { isQuiet = false } = {}) {
  const color = process.stdout.isTTY && !process.env.NO_COLOR ? { FORCE_COLOR: '1' } : {};
  const child = spawn(command, options, {
    stdio: ['ignore', 'pipe', isQuiet ? 'pipe' : 'inherit'],
    env: { ...SANITIZER_OPTIONS, ...process.env, ...color, ...settings },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr ?? undefined]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      if (!isQuiet) process.stdout.write(text);
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ status: code ?? 1, output: stripVTControlCharacters(output) }));
  });
}
