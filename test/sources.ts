/** The source files of the repository, and what each of them imports or includes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path from the repository's root, with `/`, to text. */
export type Sources = ReadonlyMap<string, string>;

export function readSources(folder: string, extension: RegExp): Sources {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extension.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

export function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

export function includes(text: string): string[] {
  return matches(text, /^\s*#\s*include\s+["<]([^">]+)[">]/gm);
}

export function imports(text: string): string[] {
  return matches(text, /\b(?:from|import|import\()\s*'([^']+)'/g);
}

/** The files among these that each one depends on: by an import, of types alone, too, or by an include. */
export function arrowsOf(sources: Sources): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...sources].map(([file, text]) => {
      const targets = /\.(cc|h)$/.test(file)
        ? includes(text).flatMap((header) => [`native/${header}`, `test/native/${header}`])
        : imports(text).map((target) => posix.join(posix.dirname(file), target));
      // Highway includes a file in itself, once for each instruction set.
      return [file, targets.filter((target) => target !== file && sources.has(target))];
    }),
  );
}
