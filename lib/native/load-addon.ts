/** Finds and loads `gradloom.node`, or says why there is none and which command mends it. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GradloomError } from '../core/errors.ts';

/** What Debian and Ubuntu call the packages of the shared libraries that the addon is linked with. */
const LIBRARY_PACKAGES: readonly (readonly [library: string, package_: string])[] = [
  ['libopenblas', 'libopenblas0-openmp'],
  ['libhwy', 'libhwy-dev'],
  ['libgomp', 'libgomp1'],
];

/**
 * Loads the addon from `build/Release` of the package, or from the path in the environment variable `GRADLOOM_ADDON`
 * (for instance that of a debug build).
 *
 * @throws GradloomError `NATIVE_MISSING`
 */
export function loadAddon(): unknown {
  const { platform, arch } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw missing(`there is no native part for ${platform} ${arch}; Gradloom runs on Linux x64 and arm64`);
  }
  const root = packageRoot(dirname(fileURLToPath(import.meta.url)));
  const override = process.env.GRADLOOM_ADDON;
  if (override !== undefined && !existsSync(override)) {
    throw missing(`GRADLOOM_ADDON names ${override}, which does not exist`);
  }
  const path = resolve(override ?? join(root, 'build', 'Release', 'gradloom.node'));
  if (!existsSync(path)) throw missing(whyAbsent(root, path));
  try {
    return createRequire(import.meta.url)(path);
  } catch (error) {
    throw missing(whyUnloadable(root, path, error), error);
  }
}

function packageRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && isGradloom(manifest)) return folder;
    if (folder === dirname(folder)) {
      throw missing(
        `no package.json of gradloom lies above ${start}; if a bundler moved the code, mark gradloom as external`,
      );
    }
  }
}

function isGradloom(manifest: string): boolean {
  const content: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  return typeof content === 'object' && content !== null && 'name' in content && content.name === 'gradloom';
}

function whyAbsent(root: string, path: string): string {
  const log = join(root, 'build', 'gradloom-build.log');
  const cause = existsSync(log)
    ? `its build failed (see ${log})`
    : 'it was never built, because install scripts were blocked (ignore-scripts, or a package manager that asks first)';
  return `${path} does not exist: ${cause}; build it with: ${buildCommand(root)}`;
}

function whyUnloadable(root: string, path: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  const library = LIBRARY_PACKAGES.find(([name]) => reason.startsWith(name));
  const remedy = library
    ? `install the library with: apt-get install ${library[1]}`
    : `it was built for another system or is damaged; build it again with: ${buildCommand(root)}`;
  return `${path} cannot be loaded: ${reason}; ${remedy}`;
}

/** Works with every package manager, also where scripts are blocked. */
function buildCommand(root: string): string {
  return `node "${join(root, 'scripts', 'install.mjs')}"`;
}

function missing(reason: string, cause?: unknown): GradloomError {
  return new GradloomError('NATIVE_MISSING', `gradloom: ${reason}`, cause === undefined ? {} : { cause });
}
