import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compilePrograms } from '../process/compile-programs.ts';

const PROGRAMS = await compilePrograms(new URL('programs/', import.meta.url));

export interface Child {
  /** Resolves when it has written this, or has ended. */
  until(text: string): Promise<void>;
  kill(): void;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly output: string;
    readonly errors: string;
    /** Date.now() then. */
    readonly at: number;
  }>;
}

/** Starts one of `programs/`, behind `wrapper` if there is one; `onLine` hears of what it writes meanwhile. */
export function startProgram(
  name: string,
  args: readonly (string | number)[],
  wrapper: readonly string[] = [],
  onLine: (line: string) => void = () => {},
): Child {
  const program = join(PROGRAMS, `${name}.mjs`);
  const [command = '', ...rest] = [...wrapper, process.execPath, program, ...args.map(String)];
  // One thread for file system calls, so that they are numbered.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env });
  createInterface({ input: child.stdout }).on('line', onLine);
  let output = '';
  let errors = '';
  let changed = () => {};
  child.stdout.on('data', (text) => {
    output += text;
    changed();
  });
  child.stderr.on('data', (text) => {
    errors += text;
  });
  // A proof that is stopped leaves nothing behind that trains on.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let hasEnded = false;
  const ended: Child['ended'] = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      hasEnded = true;
      process.removeListener('exit', kill);
      changed();
      resolve({ code, signal, output, errors, at: Date.now() });
    });
  });
  return {
    kill,
    ended,
    async until(text) {
      while (!output.includes(text) && !hasEnded) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    },
  };
}
