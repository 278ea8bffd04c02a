/** The TypeScript programs of a Markdown page compile and run as they stand, with `gradloom` for the sources of lib. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { compileInto } from './process/compile-programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

interface Program {
  readonly page: string;
  readonly file: string;
  readonly code: string;
}

/** Declares the tests of the programs of these pages, which are written into and run in `out/<name>`. */
export async function testPrograms(name: string, pages: readonly string[]): Promise<void> {
  const folder = join(root, 'out', name);
  const programs = (await Promise.all(pages.map(readPrograms))).flat();

  test.before(async () => {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    for (const { file, code } of programs) await writeFile(join(folder, `${file}.ts`), code);
    const config = { extends: '../../tsconfig.json', include: ['*.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await compileInto(folder, join(folder, '*.ts'));
  });

  test.serial('there are programs, and they type-check', async (t) => {
    t.true(programs.length >= 2);
    await t.notThrowsAsync(
      run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
        ({ stdout }: { readonly stdout: string }) => Promise.reject(new Error(stdout)),
      ),
    );
  });

  for (const { page, file, code } of programs) {
    test.serial(`${page}, ${file} runs: ${code.split('\n')[0]}`, async (t) => {
      const { stderr } = await run(process.execPath, [join(folder, `${file}.mjs`)], { cwd: folder });
      t.is(stderr, '');
    });
  }
}

async function readPrograms(page: string): Promise<Program[]> {
  const text = await readFile(join(root, page), 'utf8');
  const stem = page.replace(/^.*\//, '').replace(/\.md$/, '').toLowerCase();
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code], i) => ({
    page,
    file: `${stem}-${i + 1}`,
    code: code as string,
  }));
}
