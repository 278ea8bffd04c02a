/** What a file's first lines say of its signs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { sniff } from '../../lib/cli/data/sniff.ts';

const FILES: readonly (readonly [text: string, delimiter: string, decimal: string, thousands?: string])[] = [
  ['a,b\n1.5,2\n', ',', '.'],
  ['a,b\n"1,599",x\n"2,000",y\n', ',', '.', ','],
  ['a,b\n"3,14","2,5"\n', ',', ','],
  ['a;b\n1,5;2\n', ';', ','],
  ['a;b\n1.234;2\n', ';', '.'],
  ['a;b\n0.123;2\n', ';', '.'],
  ['a;b\n1.234.567;2\n', ';', ',', '.'],
  ['a;b\n1.234,5;2\n', ';', ',', '.'],
  ['a;b\n1,234;2\n', ';', ','],
  ['a;b\n1,234;2.5\n', ';', '.', ','],
  ['a\tb\n1,234,567\t3\n', '\t', '.', ','],
  ['a|b\n1,234.5|2\n', '|', '.', ','],
  ['a b\n1.5 2\n3 4\n', ' ', '.'],
];

test('delimiter, decimals and thousands', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-sniff-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'rows.csv');
  for (const [text, delimiter, decimal, thousands] of FILES) {
    await writeFile(path, text);
    t.deepEqual(await sniff(path), { delimiter, decimal, thousands } as never, text);
  }
});
