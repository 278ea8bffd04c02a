import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsdown';

/**
 * Bundles the programs of a folder, `programs/*.ts` or one of them, which processes and Workers are to run, each with what it imports: they start
 * in an eighth of the time that transpiling each module takes, and proofs start thousands. Resolves with where they lie as
 * `.mjs` until this process ends.
 */
export async function compilePrograms(programs: URL, name = '*'): Promise<string> {
  // Within the package, whose data and addon they look for.
  const out = fileURLToPath(new URL('../../out', import.meta.url));
  mkdirSync(out, { recursive: true });
  const compiled = mkdtempSync(join(out, 'programs-'));
  process.once('exit', () => rmSync(compiled, { recursive: true, force: true }));
  await compileInto(compiled, join(fileURLToPath(programs), `${name}.ts`));
  return compiled;
}

/** The same of files by a pattern, into a folder that stays. */
export async function compileInto(folder: string, files: string): Promise<void> {
  await build({
    config: false,
    entry: files,
    outDir: folder,
    format: 'esm',
    fixedExtension: true,
    platform: 'node',
    target: 'node20.17',
    sourcemap: true,
    dts: false,
    clean: false,
    logLevel: 'silent',
  });
}
