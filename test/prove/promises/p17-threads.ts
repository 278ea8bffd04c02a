import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PromiseProof, randomIntegers, withFolder } from '../promise.ts';

const path = (url: string) => fileURLToPath(new URL(url, import.meta.url));
const PERIOD = 100_000;

/** A tree of files as of a kernel with groups of version 1, 2 or both, and the processors that it allows; 0: all. */
function growTree(root: string, random: (bound: number) => number): number {
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  const names = Array.from({ length: random(4) }, (_, depth) => `g${depth}.${random(9)}`);
  const folders = ['', ...names.map((_, depth) => `/${names.slice(0, depth + 1).join('/')}`)];
  const version = random(3);
  const quotas: number[] = [];
  const groups: string[] = [];
  if (version !== 1) {
    groups.push(`0::${folders.at(-1) || '/'}`);
    for (const folder of folders) {
      const quota = random(3) === 0 ? Number.POSITIVE_INFINITY : 1000 + random(900_000);
      if (random(4) === 0) continue;
      write(`sys/fs/cgroup${folder}/cpu.max`, `${Number.isFinite(quota) ? quota : 'max'} ${PERIOD}\n`);
      quotas.push(quota);
    }
  }
  if (version !== 0) {
    const controllers = ['cpu', 'cpu,cpuacct', 'cpuacct,cpu'][random(3)] as string;
    groups.push('7:memory:/elsewhere', `4:${controllers}:${folders.at(-1) || '/'}`);
    for (const folder of folders) {
      const quota = random(3) === 0 ? Number.POSITIVE_INFINITY : 1000 + random(900_000);
      write(
        `sys/fs/cgroup/${controllers}${folder}/cpu.cfs_quota_us`,
        `${Number.isFinite(quota) ? quota : -1}\n`,
      );
      write(`sys/fs/cgroup/${controllers}${folder}/cpu.cfs_period_us`, `${PERIOD}\n`);
      quotas.push(quota);
    }
  }
  write('proc/self/cgroup', `${groups.join('\n')}\n`);
  const least = Math.min(Number.POSITIVE_INFINITY, ...quotas);
  return Number.isFinite(least) ? Math.ceil(least / PERIOD) : 0;
}

export const defaultThreads: PromiseProof = {
  number: 17,
  title: 'default threads are the affinity, or the quota of the control groups rounded up',
  prove({ length, seed, tally }) {
    return withFolder(async (folder) => {
      const program = join(folder, 'limits');
      const native = path('../../../native');
      const sources = [path('../programs/limits.cc'), join(native, 'common/cpu_limits.cc')];
      const built = spawnSync('g++', ['-std=c++20', '-O1', `-I${native}`, '-o', program, ...sources], {
        stdio: 'ignore',
      });
      if (built.status !== 0) {
        return { skipped: 'there is no C++ compiler, g++' };
      }
      const random = randomIntegers(seed);
      const trees = Array.from({ length: length === 'long' ? 5_000 : 200 }, (_, number) => {
        const root = join(folder, String(number));
        return { root, expected: growTree(root, random) };
      });
      const found = execFileSync(
        program,
        trees.map(({ root }) => root),
      )
        .toString()
        .trim()
        .split('\n')
        .map(Number);
      for (const [place, { root, expected }] of trees.entries()) {
        tally.tried();
        if (found[place] !== expected) tally.fail(`${root}: ${found[place]}, expected ${expected}`);
      }

      // The real thing, with the affinity narrowed to one processor.
      const index = path('../../../lib/index.ts');
      const script = `import('${index}').then(({ info }) => console.log(info().defaultThreads))`;
      for (const cpus of [1, availableParallelism()]) {
        const mask = cpus === 1 ? ['taskset', '-c', '0'] : ['env'];
        const args = [...mask.slice(1), process.execPath, '--import=tsx', '-e', script];
        const { status, stdout } = spawnSync(mask[0] as string, args, { encoding: 'utf8' });
        const threads = Number(stdout);
        tally.tried();
        if (status === 0 && (threads < 1 || threads > cpus))
          tally.fail(`${threads} threads on ${cpus} processors`);
        if (status === 0 && cpus === 1 && threads !== 1) tally.fail('more than one thread on one processor');
      }
      return {};
    });
  },
};
