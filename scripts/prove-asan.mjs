// `npm run --silent prove:asan -- 13`: the proofs of reliability with the addon under AddressSanitizer; takes what `prove`
// takes.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildJobs, root } from './build-native.mjs';
import { PRESET_NEEDS, runMain, SetupError, unmet } from './system.mjs';

/**
 * Node frees nothing at its end, so leaks are no news. Out of memory is an error of ours, so the allocator has to answer as
 * without a sanitizer. Promise 15 puts an operator new of its own before the sanitizer's library.
 */
const OPTIONS =
  'verify_asan_link_order=0:detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=8192';

await runMain(() => {
  // Wrong arguments are told of before the build, which may take half an hour.
  const given = process.argv.slice(2);
  const status = prove([...given, '--list']);
  if (status !== 0 || given.some((word) => ['--help', '-h', '--list'].includes(word))) return status;
  const missing = unmet(PRESET_NEEDS);
  if (missing.length > 0)
    throw new SetupError(`${missing.map(({ name }) => name)} is missing; run npm test once`);
  run('cmake', '--preset', 'asan', '-DGRADLOOM_BUILD_ADDON=ON');
  run('cmake', '--build', '--preset', 'asan', '--target', 'gradloom', '--parallel', String(buildJobs()));
  const library = spawnSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout.trim();
  return prove(given, {
    GRADLOOM_ADDON: join(root, 'out', 'asan', 'gradloom.node'),
    LD_PRELOAD: library,
    ASAN_OPTIONS: OPTIONS,
  });
});

function prove(args, env) {
  const command = ['--import=tsx', join('test', 'prove', 'run.ts'), ...args];
  return (
    spawnSync(process.execPath, command, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' })
      .status ?? 1
  );
}

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0)
    throw new SetupError(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}
