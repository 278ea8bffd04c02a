// What a machine needs to build Gradloom, what of it is missing, and how it gets there. Plain JavaScript without
// dependencies: this runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const TRIPLETS = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const OLDEST_NODE = [20, 17];

/** A need: how to see that it is met, what to call it, and the Debian package that meets it. */
export const BUILD_NEEDS = [
  { name: 'a C++ compiler', package: 'g++', met: hasCompiler },
  { name: 'CMake', package: 'cmake', met: () => hasCommand('cmake') },
  { name: 'Ninja or make', package: 'ninja-build', met: () => hasCommand('ninja') || hasCommand('make') },
  {
    name: 'OpenBLAS (its OpenMP build)',
    package: 'libopenblas-openmp-dev',
    met: () => hasHeader('openblas-openmp/cblas.h'),
  },
  { name: 'Google Highway', package: 'libhwy-dev', met: () => hasHeader('hwy/highway.h') },
];

export const TEST_NEEDS = [
  { name: 'doctest', package: 'doctest-dev', met: () => hasHeader('doctest/doctest.h') },
];

/** What the tests do without, but not as fast: one of them installs the package, which compiles the same sources again. */
export const TEST_HELPS = [{ name: 'ccache', package: 'ccache', met: () => hasCommand('ccache') }];

/** The presets name Ninja as their generator. */
export const PRESET_NEEDS = [{ name: 'Ninja', package: 'ninja-build', met: () => hasCommand('ninja') }];

export const FASHION_MNIST = {
  name: 'the Fashion-MNIST data set',
  package: 'dataset-fashion-mnist',
  met: () => existsSync('/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz'),
};

/** A mistake of the machine or the user, not of ours: shown as its message alone. */
export class SetupError extends Error {}

/** Runs a script's main function; a `SetupError` becomes one message and exit code 1. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`gradloom: ${error.message}`);
    process.exitCode = 1;
  }
}

export function checkPlatform() {
  const { platform, arch, versions } = process;
  if (platform !== 'linux' || !(arch in TRIPLETS)) {
    throw new SetupError(`${platform} ${arch} is not supported; Gradloom runs on Linux x64 and arm64.`);
  }
  const [major, minor] = versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new SetupError(
      `Node.js ${versions.node} is too old; Gradloom needs ${OLDEST_NODE.join('.')} or later.`,
    );
  }
}

/** Those that the machine does not meet, one a package. */
export function unmet(needs) {
  const missing = needs.filter((need) => !need.met());
  return [...new Map(missing.map((need) => [need.package, need])).values()];
}

/** One message: what is missing, the command that installs it here, and the command to try again with. */
export function describeMissing(needs, retry) {
  const names = needs.map((need) => need.name).join(', ');
  const packages = needs.map((need) => need.package).join(' ');
  const sudo = process.getuid() !== 0 && hasCommand('sudo') ? 'sudo ' : '';
  const asRoot = process.getuid() !== 0 && !sudo ? ' (as root)' : '';
  const install = hasCommand('apt-get')
    ? `Install it with${asRoot}: ${sudo}apt-get update && ${sudo}apt-get install -y ${packages}`
    : `Install what ${systemName()} calls the Debian packages: ${packages}`;
  return `missing on this machine: ${names}.\n${install}\nThen run: ${retry}`;
}

/**
 * Installs the Debian packages of what is missing, as root or through sudo.
 * @param {object[]} needs without which it throws
 * @param {object[]} helps which it tries to install, too, where it can
 */
export function installMissing(needs, helps, retry) {
  if (needs.length + helps.length === 0) return;
  // Nobody is asked for a password for the sake of what only helps.
  const prefix = rootPrefix({ mayAsk: needs.length > 0 });
  if (!hasCommand('apt-get') || prefix === undefined) {
    if (needs.length > 0) throw new SetupError(describeMissing(needs, retry));
    return;
  }

  const packages = [...needs, ...helps].map((need) => need.package);
  console.error(`gradloom: installing ${packages.join(', ')} with apt-get`);
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive'];
  const aptGet = (...options) =>
    run([...prefix, ...environment, 'apt-get', '-o', 'DPkg::Lock::Timeout=120', ...options]);
  // A package list that could not be refreshed may still serve, so only the second command decides.
  aptGet('update');
  const { stderr } = aptGet('install', '-y', '--no-install-recommends', ...packages);
  const left = unmet(needs);
  if (left.length === 0) return;
  const reasons = (stderr ?? '').split('\n').filter((line) => line.startsWith('E: '));
  throw new SetupError(`apt-get failed:\n${reasons.slice(-3).join('\n')}\n${describeMissing(left, retry)}`);
}

function run([command, ...options]) {
  return spawnSync(command, options, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['inherit', 'pipe', 'pipe'],
  });
}

/** What to put before a command so that it runs as root; undefined where that is impossible. */
function rootPrefix({ mayAsk }) {
  if (process.getuid() === 0) return [];
  if (!hasCommand('sudo')) return undefined;
  if (run(['sudo', '-n', 'true']).status === 0) return ['sudo', '-n'];
  // Only where somebody sits in front of it may sudo ask for a password.
  return mayAsk && process.stdin.isTTY && process.stderr.isTTY && !process.env.CI ? ['sudo'] : undefined;
}

function hasCompiler() {
  const chosen = process.env.CXX?.split(' ')[0];
  return chosen ? hasCommand(chosen) : ['c++', 'g++', 'clang++'].some(hasCommand);
}

function hasCommand(name) {
  const candidates = name.includes('/')
    ? [name]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Looks where CMakeLists.txt looks. */
function hasHeader(path) {
  const prefixes = [
    '/usr',
    '/usr/local',
    ...(process.env.CMAKE_PREFIX_PATH ?? '').split(delimiter).filter(Boolean),
  ];
  return prefixes.some(
    (prefix) =>
      existsSync(join(prefix, 'include', path)) ||
      existsSync(join(prefix, 'include', TRIPLETS[process.arch], path)),
  );
}

function systemName() {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'this system';
  } catch {
    return 'this system';
  }
}
