/** Mapped files in Workers: a handler of bus errors belongs to the process, and Workers come and go. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { runProgram } from './run-program.ts';

test.serial(
  'workers train on mapped files with the bits of memory, are terminated, and lose a file',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'gradloom-mapped-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const { code, signal, stdout, stderr } = await runProgram('mapped-workers', [folder, 4]);
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
    const { copied, terminated, cut, stillMapped } = JSON.parse(stdout);
    t.is(copied.exit, 0);
    t.regex(copied.hash, /^[0-9a-f]{64}$/);
    t.is(terminated.length, 4);
    for (const { hash, exit } of terminated) t.deepEqual({ hash, exit }, { hash: copied.hash, exit: 1 });
    // A Worker's end unmaps its files.
    t.false(stillMapped);
    t.like(cut, { hash: copied.hash, exit: 0, code: 'FILE_CHANGED' });
    t.regex(cut.message, /x\.npy: went from 1024\d+ to 100000 bytes while it was mapped/);
  },
);
