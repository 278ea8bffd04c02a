/** The package that this file belongs to, be it in its sources, in `dist` or bundled by a test. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Package {
  readonly folder: string;
  readonly version: string;
}

/** Undefined where the code was moved out of it. */
export function findPackage(): Package | undefined {
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as {
      readonly name?: string;
      readonly version: string;
    };
    if (name === 'gradloom') return { folder, version };
  }
  return undefined;
}

export function packageVersion(): string {
  return findPackage()?.version ?? 'unknown';
}
