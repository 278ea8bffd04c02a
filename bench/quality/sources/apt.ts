import { execFileSync } from 'node:child_process';

/** A field of a package, with the lines that go on; undefined where it has none. */
export type ReadField = (name: string) => string | undefined;

/** What apt knows of all packages: `apt-get update` brings it. */
export function readPackages(): ReadField[] {
  const listed = execFileSync('apt-cache', ['dumpavail'], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  return listed
    .split('\n\n')
    .map((record) => (name) => new RegExp(`^${name}: (.*(?:\n .*)*)`, 'm').exec(record)?.[1]);
}
