import { spawnSync } from 'node:child_process';

/** Whether strace is here and may trace: containers often forbid it. */
export function hasStrace(): boolean {
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { stdio: 'ignore' }).status === 0;
}

/** A command before a program, whose system calls of this kind then fail or kill, as strace's `inject` says. */
export function injecting(what: string): readonly string[] {
  const call = what.split(':')[0] as string;
  return ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${what}`];
}
