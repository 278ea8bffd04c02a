/** README's programs compile and run as they stand. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'out', 'readme');
const run = promisify(execFile);

const readme = await readFile(join(root, 'README.md'), 'utf8');
const programs = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code as string);

test.before(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [i, code] of programs.entries()) await writeFile(join(folder, `program-${i}.ts`), code);
  const config = { extends: '../../tsconfig.json', include: ['*.ts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
});

test.serial('README has programs, and they type-check', async (t) => {
  t.true(programs.length >= 2);
  await t.notThrowsAsync(
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]),
  );
});

for (const [i, code] of programs.entries()) {
  test.serial(`README's program ${i + 1} runs: ${code.split('\n')[0]}`, async (t) => {
    const { stderr } = await run(process.execPath, ['--import=tsx', join(folder, `program-${i}.ts`)], {
      cwd: folder,
    });
    t.is(stderr, '');
  });
}
