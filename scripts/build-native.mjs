// Builds build/Release/gradloom.node through cmake-js, all or nothing. It downloads nothing: the headers of Node-API
// are a dependency of the package.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILD_NEEDS, checkPlatform, describeMissing, SetupError, unmet } from './system.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Compiling a kernel takes some 400 MiB, and a container may hold many cores and little memory. */
export function buildJobs() {
  const memory = Math.min(totalmem(), process.constrainedMemory?.() || Number.POSITIVE_INFINITY);
  return Math.max(1, Math.min(availableParallelism(), Math.floor(memory / 2 ** 29)));
}

/**
 * Brings the addon up to date with its sources. On failure only the log of the build remains, and the error shows its end.
 * @param {string} retry the command that the user gave, named in messages
 */
export function buildNative(retry) {
  checkPlatform();
  const missing = unmet(BUILD_NEEDS);
  if (missing.length > 0) {
    const message = describeMissing(missing, retry);
    writeLog(message);
    throw new SetupError(message);
  }

  let configured = cmakeJs('configure');
  if (configured.status !== 0) {
    // A cache of another folder, generator or compiler: the second try starts from nothing.
    rmSync(join(root, 'build'), { recursive: true, force: true });
    configured = cmakeJs('configure');
  }
  const built = configured.status === 0 ? cmakeJs('build') : configured;
  if (built.status !== 0) throw failure(built.output, retry);
  writeLog(configured.output + built.output);
}

function failure(output, retry) {
  rmSync(join(root, 'build'), { recursive: true, force: true });
  const log = writeLog(output);
  return new SetupError(
    `the native build failed:\n\n${essence(output)}\n\n` +
      `The whole log is ${log}\nWhen its cause is mended, run: ${retry}`,
  );
}

function cmakeJs(command) {
  const script = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [script, command, '--parallel', String(buildJobs())],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  if (error) throw error;
  return { status, output: stdout + stderr };
}

/** The first error and what follows it; without one, the end. */
function essence(output) {
  const lines = output.trimEnd().split('\n');
  const first = lines.findIndex((line) => /\berror: |CMake Error|Killed|out of memory/i.test(line));
  const start = first < 0 ? Math.max(0, lines.length - 20) : first;
  return lines.slice(start, start + 20).join('\n');
}

function writeLog(text) {
  const log = join(root, 'build', 'gradloom-build.log');
  mkdirSync(dirname(log), { recursive: true });
  writeFileSync(log, text);
  return log;
}
