// Does what is missing of the set-up, and nothing else: system packages, npm packages, the native build.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildNative, root } from './build-native.mjs';
import { BUILD_NEEDS, checkPlatform, installMissing, SetupError, unmet } from './system.mjs';

/**
 * @param {string} retry the command that the user gave, named in messages
 * @param {object[]} needs what the command needs of the system beside the build, see system.mjs
 * @param {object[]} helps what makes it faster
 */
export function setUp(retry, needs, helps = []) {
  process.chdir(root);
  checkPlatform();
  installMissing(unmet([...BUILD_NEEDS, ...needs]), unmet(helps), retry);
  if (!packagesAreCurrent()) installPackages(retry);
  if (!existsSync(join(root, 'build', 'Release', 'gradloom.node'))) {
    console.error('gradloom: building the native part (once; some minutes on two cores)');
  }
  buildNative(retry);
}

/** Whether node_modules holds what package-lock.json asks for; npm keeps its own record of what it installed. */
function packagesAreCurrent() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' || optional || devOptional || installed[path]?.version === version,
  );
}

/** Without the packages' scripts: none of ours needs one, and our own native build is the next step anyway. */
function installPackages(retry) {
  console.error('gradloom: installing npm packages (npm ci)');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const options = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = spawnSync(npm[0], [...npm.slice(1), ...options], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  rmSync(join(root, 'node_modules'), { recursive: true, force: true });
  throw new SetupError(`npm ci failed (see above). When its cause is mended, run: ${retry}`);
}
