/**
 * `npm run check:changed`: what a change most likely broke, in a minute or two: formatting and lints of the changed files, types, the
 * architecture, and the tests that are nearest to them by imports and includes. `npm run check:changed -- main` counts from
 * where the branch left main; without a name, from the last commit. `npm run check` is the whole.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { arrowsOf, readSources, type Sources } from './sources.ts';

/** Of TypeScript and of C++ alike: what is farther away is left to `npm run check`. */
const MOST_TESTS = 12;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const base = process.argv[2] ?? 'HEAD';
const changed = changedFiles(base);
if (changed.length === 0) {
  console.log(`nothing has changed since ${base}; name a branch or commit to compare with`);
} else {
  process.exitCode = check(changed) ? 0 : 1;
}

function check(files: readonly string[]): boolean {
  const typescript = files.filter((file) => /\.(ts|mjs|json)$/.test(file));
  const steps: (readonly string[])[] = [];
  if (typescript.length > 0) steps.push(['npx', 'biome', 'check', '--error-on-warnings', ...typescript]);
  if (files.some((file) => /\.(cc|h)$/.test(file)))
    steps.push(['node', 'scripts/format-native.mjs', '--check']);
  if (files.some((file) => file.endsWith('.ts'))) steps.push(['npx', 'tsc']);
  steps.push(['npx', 'ava', 'test/architecture.test.ts']);
  const tests = testsNear(files);
  if (tests.length > 0) steps.push(['node', 'scripts/test.mjs', ...tests]);
  return steps.every(([command = '', ...options]) => {
    console.log(`\n$ ${command} ${options.join(' ')}`);
    return spawnSync(command, options, { stdio: 'inherit' }).status === 0;
  });
}

function changedFiles(since: string): string[] {
  const lines = (...options: string[]) => {
    const { status, stdout, stderr } = spawnSync('git', options, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`git ${options.join(' ')}: ${stderr.trim()}`);
    return stdout.split('\n').filter(Boolean);
  };
  const [from = since] = lines('merge-base', since, 'HEAD');
  const files = [
    ...lines('diff', '--name-only', from),
    ...lines('ls-files', '--others', '--exclude-standard'),
  ];
  return [...new Set(files)].filter((file) => existsSync(file)).sort();
}

function testsNear(files: readonly string[]): string[] {
  const pages = files.filter((file) => /^docs\/.*\.md$/.test(file)).length > 0 ? ['test/docs.test.ts'] : [];
  const readme = files.includes('README.md') ? ['test/readme.test.ts'] : [];
  const examples = files.filter((file) => /^examples\/[^/]*\.ts$/.test(file));
  const typescript = nearest(
    files,
    new Map([
      ...readSources('lib', /\.ts$/),
      ...readSources('bench', /\.ts$/),
      ...readSources('test', /\.ts$/),
    ]),
    '.test.ts',
  );
  const native = nearest(
    files,
    new Map([...readSources('native', /\.(cc|h)$/), ...readSources('test/native', /\.(cc|h)$/)]),
    '_test.cc',
  );
  return [...readme, ...pages, ...examples, ...typescript, ...native];
}

/**
 * Tests by how many imports lie between them and what changed. What an index exports is on the way to everything, so no way leads
 * through one; tests that are named like a changed file come first.
 */
function nearest(files: readonly string[], sources: Sources, end: string): string[] {
  const arrows = arrowsOf(sources);
  const readers = new Map<string, string[]>();
  for (const [file, targets] of arrows) {
    for (const target of targets) readers.set(target, [...(readers.get(target) ?? []), file]);
  }
  const isTest = (file: string) => file.endsWith(end);
  const stems = files.map((file) => basename(file).replace(/\..*$/, ''));
  const named = [...sources.keys()].filter((file) => isTest(file) && stems.includes(basename(file, end)));
  const found = new Set([...named, ...files.filter((file) => sources.has(file))]);
  for (const file of found) {
    if (file.endsWith('/index.ts') && !files.includes(file)) continue;
    // What a source file defines is declared by its header.
    const header = file.replace(/\.cc$/, '.h');
    for (const reader of [...(header === file ? [] : [header]), ...(readers.get(file) ?? [])]) {
      if (sources.has(reader)) found.add(reader);
    }
  }
  const tests = [...found].filter(isTest);
  if (tests.length > MOST_TESTS) {
    console.log(
      `${tests.length} files of tests (*${end}) depend on what changed; the nearest ${MOST_TESTS} are run`,
    );
  }
  return tests.slice(0, MOST_TESTS);
}
