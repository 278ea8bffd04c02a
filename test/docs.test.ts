/** The programs of the pages in docs/ compile and run as they stand; links of pages lead somewhere; figures are what was measured. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { RESULTS_PAGE } from '../bench/peers/results-page.ts';
import { testPrograms } from './programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = readdirSync(join(root, 'docs'))
  .filter((file) => file.endsWith('.md'))
  .map((file) => `docs/${file}`);

await testPrograms('docs', pages);

test('every link within the repository leads to a file', (t) => {
  const others = ['native', 'lib', 'bench'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => `${folder}/${file}`),
  );
  for (const page of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...others, ...pages]) {
    const links = readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g);
    for (const [, link] of links)
      t.true(existsSync(join(root, dirname(page), link as string)), `${page}: ${link}`);
  }
});

test('bench/RESULTS.md holds what the files of bench/results say', (t) => {
  t.is(
    readFileSync(join(root, 'bench/RESULTS.md'), 'utf8'),
    RESULTS_PAGE,
    'npm run bench:results writes it anew',
  );
});
