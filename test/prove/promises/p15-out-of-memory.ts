import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PromiseProof, withFolder } from '../promise.ts';
import { startProgram } from '../start-program.ts';

const path = (url: string) => fileURLToPath(new URL(url, import.meta.url));

/** The C++ tests `out of memory` do the same below the binding. */
export const outOfMemory: PromiseProof = {
  number: 15,
  title:
    'any allocation of the addon fails, alone or with all behind it: OUT_OF_MEMORY, and all works as before',
  prove({ length, tally }) {
    return withFolder(async (folder) => {
      const shim = join(folder, 'failing-new.node');
      const headers = path('../../../node_modules/node-api-headers/include');
      const flags = ['-std=c++20', '-O1', '-fPIC', '-shared', `-I${headers}`, '-o', shim];
      if (
        spawnSync('g++', [...flags, path('../programs/failing-new.cc')], { stdio: 'ignore' }).status !== 0
      ) {
        return { skipped: 'there is no C++ compiler, g++' };
      }
      const files = join(folder, 'files');
      await mkdir(files);
      const longest = length === 'long' ? Number.MAX_SAFE_INTEGER : 12;
      // What is preloaded already is AddressSanitizer, whose malloc the shim's operator new calls.
      const { LD_PRELOAD = '' } = process.env;
      const preload = ['env', `LD_PRELOAD=${shim}:${LD_PRELOAD}`];
      const { code, signal, output, errors } = await startProgram(
        'failing-new',
        [files, shim, longest],
        preload,
        (line) => tally.hear(line),
      ).ended;
      if (code !== 0) tally.fail(`code ${code}, signal ${signal}, ${errors.slice(0, 500)}`);
      const survived = Number(/survived (\d+)/.exec(output)?.[1]);
      return { facts: { survived } };
    });
  },
};
