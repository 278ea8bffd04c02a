import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** A folder with these files that is removed when the test ends. */
export function folderWith(
  t: ExecutionContext,
  files: Readonly<Record<string, string | Uint8Array>>,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(folder, name), contents);
  return folder;
}

export function fileWith(t: ExecutionContext, contents: string | Uint8Array, name = 'file'): string {
  return join(folderWith(t, { [name]: contents }), name);
}
