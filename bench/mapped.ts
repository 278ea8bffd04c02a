/**
 * Data that do not fit: `npm run bench:mapped -- [--megabytes n] [--steps n] [--threads n] [--rounds n] [--folder path]`. Writes pictures
 * of random bytes from a stream into shards (kept in `--folder`, else removed), trains an epoch on all of them, mapped, compares a GB of
 * them mapped and copied into memory, in random order, trains on the stream, each in a process of its own that looks at its RssAnon 50
 * times a second, and prints samples a second and the most anonymous memory as a line of JSON. FIGURES.md has what was measured.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  adagrad,
  type Dataset,
  dense,
  flatten,
  fromStream,
  readShards,
  sequential,
  Trainer,
  writeShards,
} from '../lib/index.ts';
import { readArguments, readCount, readNumber } from './command-line/arguments.ts';

const INPUT_SHAPE = [32, 32, 3] as const;
const SAMPLE_BYTES = 3072;
const MIB = 2 ** 20;
const BATCH = 64;
/** What is compared with samples in memory: 1 GB, larger than every cache. */
const PART = Math.floor((1024 * MIB) / SAMPLE_BYTES);

interface Rates {
  readonly samplesPerSecond: number;
  /** Of all threads, in microseconds a sample: with one thread it tells also where others use the processors. */
  readonly cpuTime: number;
}

interface Measured extends Rates {
  /** RssAnon in MiB: with the library loaded, and the most from then on. */
  readonly anonymousBefore: number;
  readonly anonymousMost: number;
}

const USAGE =
  'usage: npm run bench:mapped -- [--megabytes n] [--steps n] [--threads n] [--rounds n] [--folder path]';
const ARGUMENTS = {
  options: {
    megabytes: { type: 'string', default: '8192' },
    steps: { type: 'string', default: '4000' },
    threads: { type: 'string', default: '0' },
    rounds: { type: 'string', default: '3' },
    task: { type: 'string' },
    folder: { type: 'string', default: '' },
  },
} as const;
const { values, megabytes, steps, threads, rounds } = readArguments(USAGE, ARGUMENTS, ({ values }) => ({
  values,
  megabytes: readNumber('--megabytes', values.megabytes, (value) => value > 0),
  steps: readCount('--steps', values.steps),
  threads: readCount('--threads', values.threads),
  rounds: readCount('--rounds', values.rounds),
}));
const samples = Math.ceil((megabytes * MIB) / SAMPLE_BYTES);

const TASKS: Readonly<Record<string, (folder: string) => Promise<Rates>>> = {
  write: (folder) => rate(samples, () => writeShards(pictures(), folder, { samplesPerShard: 2 ** 18 })),
  whole: async (folder) => {
    const set = (await readShards(folder)).normalize() as Pictures;
    return rate(samples, () => makeTrainer().fit(set, { batchSize: BATCH, epochs: 1 }));
  },
  mapped: async (folder) => train((await readShards(folder)).take(Math.min(samples, PART))),
  copied: async (folder) => train((await readShards(folder)).take(Math.min(samples, PART)).concat()),
  // It is not told how many samples there are, and holds those of two epochs: 50 MB.
  stream: () => rate(samples, () => makeTrainer().fit(pictures(), { batchSize: BATCH })),
};

if (values.task === undefined) await main();
else console.log(JSON.stringify(await watch(values.task, values.folder)));

async function main(): Promise<void> {
  const temporary = mkdtempSync(join(tmpdir(), 'gradloom-bench-'));
  const folder = values.folder === '' ? join(temporary, 'set') : values.folder;
  try {
    const results: Record<string, Measured[]> = {};
    const measure = (task: string) => {
      const result = run(task, folder);
      console.error(`${task}: ${JSON.stringify(result)}`);
      results[task] = [...(results[task] ?? []), result];
    };
    if (!existsSync(join(folder, 'shards.json'))) measure('write');
    await warm(folder);
    for (let round = 0; round < rounds; round++) {
      measure('copied');
      measure('mapped');
    }
    measure('whole');
    measure('stream');
    const summary = Object.entries(results).map(([task, all]) => [task, summarize(all)]);
    console.log(JSON.stringify({ megabytes, steps, threads, ...Object.fromEntries(summary) }));
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

function run(task: string, folder: string): Measured {
  const given = ['megabytes', 'steps', 'threads'] as const;
  const args = given.flatMap((name) => [`--${name}`, values[name]]);
  const file = fileURLToPath(import.meta.url);
  const child = spawnSync(
    process.execPath,
    ['--import=tsx', file, ...args, '--task', task, '--folder', folder],
    {
      encoding: 'utf8',
    },
  );
  if (child.status !== 0) throw new Error(`${task}: ${child.stderr}`);
  return JSON.parse(child.stdout);
}

function summarize(all: readonly Measured[]): Measured {
  const median = (values: readonly number[]) =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
  return {
    samplesPerSecond: median(all.map(({ samplesPerSecond }) => samplesPerSecond)),
    cpuTime: median(all.map(({ cpuTime }) => cpuTime)),
    anonymousBefore: Math.max(...all.map(({ anonymousBefore }) => anonymousBefore)),
    anonymousMost: Math.max(...all.map(({ anonymousMost }) => anonymousMost)),
  };
}

/** Has the system keep the files. */
async function warm(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    for await (const _ of createReadStream(join(folder, name), { highWaterMark: MIB }));
  }
}

function anonymous(): number {
  const [, kib = '0'] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Math.round(Number(kib) / 1024);
}

async function watch(task: string, folder: string): Promise<Measured> {
  const anonymousBefore = anonymous();
  let anonymousMost = anonymousBefore;
  const look = () => {
    anonymousMost = Math.max(anonymousMost, anonymous());
  };
  const timer = setInterval(look, 20);
  const rates = await (TASKS[task] as (folder: string) => Promise<Rates>)(folder);
  clearInterval(timer);
  look();
  return { ...rates, anonymousBefore, anonymousMost };
}

async function rate(count: number, work: () => PromiseLike<unknown>): Promise<Rates> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return {
    samplesPerSecond: Math.round(count / ((performance.now() - start) / 1000)),
    cpuTime: Math.round((100 * (user + system)) / count) / 100,
  };
}

function makeTrainer() {
  const model = sequential({ inputShape: INPUT_SHAPE, seed: 1 }, [
    flatten(),
    dense({ units: 128, activation: 'relu' }),
    dense({ units: 10 }),
  ]);
  const optimizer = adagrad({ learningRate: 0.01 });
  return new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy', threads });
}

type Pictures = Dataset<[32, 32, 3], 'class'>;

/** Behind a first epoch, in which the pages of a mapped file enter the process's page table. */
async function train(data: Dataset): Promise<Rates> {
  const trainer = makeTrainer();
  const set = data.normalize() as Pictures;
  await trainer.fit(set, { batchSize: BATCH, epochs: 1 });
  return rate(steps * BATCH, () => trainer.fit(set, { batchSize: BATCH, epochs: steps, maxSteps: steps }));
}

/** Batches of pseudo-random bytes, different in each batch. */
function pictures() {
  const noise = new Uint8Array(4 * MIB);
  let state = 1;
  for (let i = 0; i < noise.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    noise[i] = state >>> 24;
  }
  function* batches() {
    for (let first = 0; first < samples; first += BATCH) {
      const size = Math.min(BATCH, samples - first);
      const start = (first * 7919) % (noise.length - BATCH * SAMPLE_BYTES);
      const inputs = noise.subarray(start, start + size * SAMPLE_BYTES);
      yield { inputs, labels: Array.from({ length: size }, (_, i) => (first + i) % 10) };
    }
  }
  return fromStream(batches(), { inputShape: INPUT_SHAPE });
}
