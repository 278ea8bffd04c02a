/** The programs of the pages in docs/ compile and run as they stand; their links lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { testPrograms } from './programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = readdirSync(join(root, 'docs'))
  .filter((file) => file.endsWith('.md'))
  .map((file) => `docs/${file}`);

await testPrograms('docs', pages);

test('every link within the repository leads to a file', (t) => {
  for (const page of ['README.md', ...pages]) {
    const links = readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g);
    for (const [, link] of links)
      t.true(existsSync(join(root, dirname(page), link as string)), `${page}: ${link}`);
  }
});
