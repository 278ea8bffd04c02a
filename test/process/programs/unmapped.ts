/** How many maps and open files are left of datasets that nobody holds: `unmapped.ts <file>`, run with --expose-gc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { npy } from '../../../lib/index.ts';

const [, , file = ''] = process.argv;
const maps = () =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(file)).length;
const files = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false; // that of the folder itself
    }
  }).length;

async function hold(): Promise<number> {
  const sets = await Promise.all(Array.from({ length: 50 }, () => npy({ inputs: file, memory: 'map' })));
  for (const set of sets) set.shuffle(1).take(5).at(0);
  return maps();
}

const most = await hold();
for (let i = 0; i < 10; i++) {
  globalThis.gc?.();
  await turn();
}
console.log(JSON.stringify({ most, left: { maps: maps(), files: files() } }));
