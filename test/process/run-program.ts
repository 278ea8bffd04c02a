import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compilePrograms } from './compile-programs.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

let programs: Promise<string> | undefined;

/** Runs one of `programs/` in a process of its own until it ends; `onLine` hears of what it writes meanwhile. */
export async function runProgram(
  name: string,
  args: readonly (string | number)[],
  nodeOptions: readonly string[] = [],
  onLine: (line: string) => void = () => {},
): Promise<Ended> {
  programs ??= compilePrograms(new URL('programs/', import.meta.url));
  const file = join(await programs, `${name}.mjs`);
  const child = spawn(process.execPath, [...nodeOptions, file, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  createInterface({ input: child.stdout }).on('line', onLine);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Where programs say what came of it. */
export function lastLineOf(output: string): string {
  return output.trimEnd().split('\n').at(-1) ?? '';
}
