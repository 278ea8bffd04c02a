/** RESULTS.md, from `results/<machine>/<date>-<what>.json`, which `bench:peers --out` wrote. Of what several files hold the latest counts, by name. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Comparison, compare, type Measurement } from './comparisons.ts';
import { GRADLOOM, isSpec, PEERS, type Peer, WORKLOAD_NAMES } from './programs.ts';

const FOLDER = fileURLToPath(new URL('../results', import.meta.url));

interface Machine {
  readonly folder: string;
  readonly name: string;
  readonly about: string;
}

const MACHINES: readonly Machine[] = [
  { folder: 'zen5', name: 'Zen 5', about: 'AMD EPYC with AVX-512, 252 to 288 GFLOP/s a core' },
  {
    folder: 'zen5-avx2',
    name: 'Zen 5, AVX2',
    about: 'the same, all held to AVX2 (`GRADLOOM_SIMD=AVX2`), 134 GFLOP/s a core',
  },
  { folder: 'zen4', name: 'Zen 4', about: 'AMD EPYC with AVX-512 in two halves, 118 GFLOP/s a core' },
  { folder: 'zen3', name: 'Zen 3', about: 'AMD EPYC with AVX2, 104 GFLOP/s a core, 512 KiB of L2' },
  {
    folder: 'xeon',
    name: 'Xeon',
    about: 'Emerald Rapids with AVX-512, several machines, 162 to 184 GFLOP/s a core',
  },
];

/** As `bench:peers` wrote it. */
interface Results {
  readonly runs?: readonly (Omit<Measurement, 'peer'> & { readonly peer: string })[];
}

type Row = Pick<Comparison, 'workload' | 'threads' | 'peer'>;

/** Of the latest file that has the row. */
type Found = ReadonlyMap<string, Comparison>;

function keyOf({ workload, threads, peer }: Row): string {
  return `${workload} ${threads} ${peer.name}`;
}

function peerNamed(name: string): Peer {
  const peer = [GRADLOOM, ...PEERS].find((each) => each.name === name);
  if (peer === undefined) throw new Error(`no peer is called "${name}"`);
  return peer;
}

function readMachine({ folder }: Machine): Found {
  const found = new Map<string, Comparison>();
  const stems = readdirSync(join(FOLDER, folder)).map((file) => file.replace(/\.json$/, ''));
  for (const stem of stems.sort()) {
    const { runs = [] } = JSON.parse(readFileSync(join(FOLDER, folder, `${stem}.json`), 'utf8')) as Results;
    const measurements = runs.map((run) => ({ ...run, peer: peerNamed(run.peer) }));
    for (const comparison of compare(measurements, new Map())) found.set(keyOf(comparison), comparison);
  }
  return found;
}

/** A row for each workload, number of threads and peer that `belongs`, a column for each machine that measured one. */
function tableOf(
  belongs: (row: Row) => boolean,
  cellOf: (comparison: Comparison, machine: Machine) => string,
  showsFloors = true,
): string {
  const rows = new Map(
    machines.flatMap(({ found }) => [...found]).filter(([, comparison]) => belongs(comparison)),
  );
  const columns = machines.filter(({ found }) => [...rows.keys()].some((key) => found.has(key)));
  const all = [...rows].sort(([, one], [, other]) => inOrder(one, other));
  const isJudged = showsFloors && all.some(([, { floor }]) => floor !== undefined);
  const head = [
    'workload',
    'beside',
    'threads',
    ...(isJudged ? ['floor'] : []),
    ...columns.map(({ name }) => name),
  ];
  const lines = all.map(([key, { workload, threads, peer, floor }]) => [
    basename(workload, '.json'),
    peer.name,
    String(threads),
    ...(isJudged ? [floor?.toString() ?? ''] : []),
    ...columns.map((machine) => {
      const comparison = machine.found.get(key);
      return comparison === undefined ? '' : cellOf(comparison, machine);
    }),
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** As `bench:peers` runs them; specs, which it has no order for, by name. */
function inOrder(one: Row, other: Row): number {
  const placeOf = ({ workload }: Row) => WORKLOAD_NAMES.indexOf(workload);
  return (
    placeOf(one) - placeOf(other) ||
    one.workload.localeCompare(other.workload) ||
    one.threads - other.threads ||
    PEERS.indexOf(one.peer) - PEERS.indexOf(other.peer)
  );
}

/** Floors were set for AVX-512: the Zen 3 is held against them all the same, one that could do more is not. */
function ratioOf({ ratio, lowest, highest, floor = 0 }: Comparison, { folder }: Machine): string {
  const missed = ratio > floor || folder.endsWith('-avx2') ? '' : ', missed';
  return `**${ratio.toFixed(2)}**${missed} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`;
}

function timesOf({ oursMs, peerMs }: Comparison): string {
  const [ours, theirs] = [oursMs, peerMs].map((ms) => Number(ms.toPrecision(3)));
  return `${ours} / ${theirs}`;
}

const unknown = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !MACHINES.some(({ folder }) => folder === entry.name))
  .map(({ name }) => name);
if (unknown.length > 0) throw new Error(`which machines are ${unknown.join(', ')} in bench/results?`);

const machines = MACHINES.map((machine) => ({ ...machine, found: readMachine(machine) }));
const isBeside =
  (...names: readonly string[]) =>
  ({ peer, workload }: Row) =>
    names.includes(peer.name) && !isSpec(workload);
const trains = (row: Row) => isBeside('torch')(row) && !row.workload.startsWith('infer-');

/** What the file has to hold. */
export const RESULTS_PAGE = `<!-- Written by \`npm run bench:results\` from the files in results/. -->

# Results

How many times as fast as others Gradloom is: the median over two to seven rounds, and the least and the most of a single one. [README.md](README.md) says
how that is measured and what the workloads are. Every machine is virtual, has two processors and shares them with others:
rounds differ by up to a factor of two, in all programs, where the system puts both on one core or far apart. Each figure is the latest
that was measured on that machine; kernels have changed since some of them. Floors were set for processors with AVX-512; the Zen 3 is held against them all the same.

| machine | |
| --- | --- |
${MACHINES.map(({ name, about }) => `| ${name} | ${about} |`).join('\n')}

## Training beside PyTorch

PyTorch 2.6 (Debian's, with OpenBLAS 0.3.29 and oneDNN), Node 20.20, the fastest of its variants. iris takes one thread of ours, whatever there is, digits-cnn of the Zen 5 with AVX2, too.

${tableOf(trains, ratioOf)}

mlp runs at 91 % of the peak on one thread of the Zen 4, PyTorch's at 62 to 67 %: little is left to be won. Where cores lie decides what small steps gain from a second
thread: mlp-small takes 0.08 ms where a cache line goes from one core of the Zen 4 to the other and back in 50 to 80 ns, 0.105 to 0.115 where it takes 320, and the system
moves them by the minute.

## Predictions

${tableOf((row) => row.workload.startsWith('infer-'), ratioOf)}

## Training beside others

brain.js trains by stochastic gradient descent sample by sample, fastText's program pair by pair, scikit-learn's \`SGDClassifier\` sample by sample
on one thread, whatever ours have; \`sparse-logreg-sequential\` knows one thread of ours, too, so that its second row is the first one again.

${tableOf(isBeside('brain.js', 'fasttext', 'scikit-learn'), ratioOf)}

## Nets of other kinds beside PyTorch

Those of \`bench/nets\`. wide-mlp is products, which both programs make at three quarters of the peak and more; dilated and five-by-five leave part of their lanes empty.

${tableOf(({ workload }) => isSpec(workload), ratioOf)}

## Times

Milliseconds a step or call, Gradloom's and the other's, medians.

${tableOf(({ workload }) => !isSpec(workload), timesOf, false)}
`;
