import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { GradloomError } from '../../lib/core/errors.ts';
import { checkWritable, readWholeFile, writeFileAtomic } from '../../lib/formats/files.ts';

function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const BYTES = Uint8Array.of(1, 2, 3);

test('a new file holds the bytes, and nothing else is left in the folder', async (t) => {
  const folder = makeFolder(t);
  await writeFileAtomic(join(folder, 'm'), BYTES);
  t.deepEqual([...readFileSync(join(folder, 'm'))], [1, 2, 3]);
  t.deepEqual(readdirSync(folder), ['m']);
});

test('a file is replaced whole and keeps its permissions', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'm');
  writeFileSync(path, 'something longer');
  chmodSync(path, 0o600);
  await writeFileAtomic(path, BYTES);
  t.deepEqual([...readFileSync(path)], [1, 2, 3]);
  t.is(statSync(path).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(folder), ['m']);
});

test('a name of the greatest length is no obstacle', async (t) => {
  const path = join(makeFolder(t), 'n'.repeat(255));
  await writeFileAtomic(path, BYTES);
  t.is(readFileSync(path).length, 3);
});

test('a symbolic link is replaced, and what it points to stays', async (t) => {
  const folder = makeFolder(t);
  writeFileSync(join(folder, 'target'), 'old');
  symlinkSync('target', join(folder, 'link'));
  await writeFileAtomic(join(folder, 'link'), BYTES);
  t.is(readFileSync(join(folder, 'target'), 'utf8'), 'old');
  t.deepEqual([...readFileSync(join(folder, 'link'))], [1, 2, 3]);
});

test('a folder as target is refused and nothing is left', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'sub');
  mkdirSync(path);
  await t.throwsAsync(writeFileAtomic(path, BYTES), {
    instanceOf: GradloomError,
    code: 'INVALID_OPTION',
    message: `${path}: this is a folder; give the path of a file`,
  });
  t.deepEqual(readdirSync(folder), ['sub']);
});

test('a missing folder is an error that names it', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'sub', 'm');
  await t.throwsAsync(writeFileAtomic(path, BYTES), {
    instanceOf: GradloomError,
    code: 'FILE_NOT_FOUND',
    message: `${path}: the folder ${join(folder, 'sub')} does not exist; create it first`,
  });
  t.deepEqual(readdirSync(folder), []);
});

test('a folder that takes no file is told by the name that the file was to have', async (t) => {
  for (const [path, refusal] of [
    ['/proc/m', 'ENOENT: no such file or directory'],
    ['/sys/m', '(EACCES: permission denied|EROFS: read-only file system)'],
  ] as const) {
    const expected = { message: new RegExp(`^${refusal}, open '${path}'$`) };
    t.throws(() => checkWritable(path), expected);
    await t.throwsAsync(writeFileAtomic(path, BYTES), expected);
  }
});

test('whether a file can be written is told before, as writing would tell it, and leaves nothing behind', async (t) => {
  const folder = makeFolder(t);
  const file = join(folder, 'm');
  writeFileSync(file, 'as it was');
  checkWritable(file);
  checkWritable(join(folder, 'new'));
  t.deepEqual(readdirSync(folder), ['m']);
  t.is(readFileSync(file, 'utf8'), 'as it was');
  for (const path of ['', folder, join(folder, 'no', 'm'), join(file, 'm'), '/dev/null']) {
    const told = t.throws(() => checkWritable(path));
    const { message } = (await t.throwsAsync(writeFileAtomic(path, BYTES))) as Error;
    t.is(told.message, message);
  }
});

test('when the rename fails the temporary file is removed', async (t) => {
  const folder = makeFolder(t);
  // A name that ends in a slash passes as a file that does not exist yet, and cannot be renamed to.
  await t.throwsAsync(writeFileAtomic(`${join(folder, 'm')}/`, BYTES), { code: 'ENOTDIR' });
  t.deepEqual(readdirSync(folder), []);
});

test('when writing fails the old file stays and the temporary file is removed', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'm');
  writeFileSync(path, 'old');
  const script = `
    import { writeFileAtomic } from ${JSON.stringify(new URL('../../lib/formats/files.ts', import.meta.url).href)};
    await writeFileAtomic(${JSON.stringify(path)}, new Uint8Array(2 ** 21)).then(
      () => process.exit(3),
      (error) => console.log(error.code, error.message, error.path),
    );`;
  // A limit on the size of files makes the write fail half way, as a full disk does.
  const output = execFileSync(
    'bash',
    [
      '-c',
      `trap '' XFSZ; ulimit -f 1024; exec "$0" --import=tsx --input-type=module -e "$1"`,
      process.execPath,
      script,
    ],
    { encoding: 'utf8' },
  );
  t.is(output.trim(), `EFBIG EFBIG: file too large, write '${path}' ${path}`);
  t.is(readFileSync(path, 'utf8'), 'old');
  t.deepEqual(readdirSync(folder), ['m']);
});

test('many writers of one path leave one whole file', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'm');
  await Promise.all(
    Array.from({ length: 20 }, (_, value) => writeFileAtomic(path, new Uint8Array(10_000).fill(value))),
  );
  const bytes = readFileSync(path);
  t.is(bytes.length, 10_000);
  t.true(bytes.every((byte) => byte === bytes[0]));
  t.deepEqual(readdirSync(folder), ['m']);
});

test('reading tells a missing file from a folder', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'm');
  await t.throwsAsync(readWholeFile(path), {
    instanceOf: GradloomError,
    code: 'FILE_NOT_FOUND',
    message: `${path}: there is no such file; check the path`,
  });
  await t.throwsAsync(readWholeFile(join(folder, 'm', 'n')), { code: 'FILE_NOT_FOUND' });
  await t.throwsAsync(readWholeFile(folder), {
    code: 'INVALID_OPTION',
    message: `${folder}: this is a folder; give the path of a file`,
  });
});
