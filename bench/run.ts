/** `npm run bench -- <workload> [--threads n] [--json]`: how fast Gradloom trains, as one line of JSON. See README.md. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { suggest } from '../lib/core/options.ts';
import { info, Trainer } from '../lib/index.ts';
import { loadData } from './data.ts';
import { measure, type Timing } from './measure.ts';
import { SKIP_GRAM, timeSkipGram } from './skip-gram.ts';
import { buildModel, readSpec } from './spec.ts';
import { timeUpdate, UPDATE_SIZE, UPDATE_WORKLOADS } from './update.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const USAGE = `usage: npm run --silent bench -- <workload> [--threads n] [--json] [--window-s seconds]
       npm run --silent bench -- --spec file.json [...]
       npm run --silent bench -- adagrad-update [--size parameters] [...]

One line of JSON goes to stdout; without --json, a table goes to stderr as well.
`;

interface Settings {
  /** 0: all that the machine gives. */
  readonly threads: number;
  readonly windowSeconds: number;
  readonly table: 'shown' | 'hidden';
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      threads: { type: 'string', default: '0' },
      json: { type: 'boolean', default: false },
      spec: { type: 'string' },
      'window-s': { type: 'string', default: '1.5' },
      size: { type: 'string', default: String(UPDATE_SIZE) },
    },
  });
  const update = positionals.find((name) => UPDATE_WORKLOADS.includes(name));
  if (update !== undefined && positionals.length === 1 && values.spec === undefined) {
    benchUpdate(update, {
      threads: readNumber('--threads', values.threads, (value) => Number.isInteger(value) && value >= 0),
      windowSeconds: readNumber('--window-s', values['window-s'], (value) => value > 0),
      size: readNumber('--size', values.size, (value) => Number.isInteger(value) && value > 0),
      table: values.json ? 'hidden' : 'shown',
    });
    return;
  }
  if (positionals.length === 1 && positionals[0] === SKIP_GRAM && values.spec === undefined) {
    benchSkipGram({
      threads: readNumber('--threads', values.threads, (value) => Number.isInteger(value) && value >= 0),
      windowSeconds: readNumber('--window-s', values['window-s'], (value) => value > 0),
      table: values.json ? 'hidden' : 'shown',
    });
    return;
  }
  const workload = chooseWorkload(positionals, values.spec);
  if (workload === undefined) {
    const known = [...WORKLOADS.map(({ name }) => name), SKIP_GRAM, ...UPDATE_WORKLOADS];
    console.log(`${USAGE}\nworkloads: ${known.join(', ')}`);
    return;
  }
  const threads = readNumber('--threads', values.threads, (value) => Number.isInteger(value) && value >= 0);
  const windowSeconds = readNumber('--window-s', values['window-s'], (value) => value > 0);
  await bench(workload, { threads, windowSeconds, table: values.json ? 'hidden' : 'shown' });
}

function chooseWorkload(names: readonly string[], specPath: string | undefined): Workload | undefined {
  if (names.length > 1 || (names.length > 0 && specPath !== undefined)) {
    throw new Error(`bench: got ${[...names, specPath ?? []].flat().join(' and ')}; expected one workload`);
  }
  if (specPath !== undefined) return { ...readSpec(specPath), source: 'random' };
  const [name] = names;
  if (name === undefined) return undefined;
  const found = WORKLOADS.find((workload) => workload.name === name);
  if (found !== undefined) return found;
  const known = [...WORKLOADS.map((workload) => workload.name), SKIP_GRAM, ...UPDATE_WORKLOADS];
  throw new Error(`bench: there is no workload "${name}"; ${suggest(name, known)}`);
}

function readNumber(option: string, given: string, accepts: (value: number) => boolean): number {
  const value = Number(given);
  if (given.trim() === '' || !accepts(value)) throw new Error(`bench: ${option} cannot be "${given}"`);
  return value;
}

async function bench(workload: Workload, { threads, windowSeconds, table }: Settings): Promise<void> {
  const { name, batchSize, loss, optimizer, source } = workload;
  const model = buildModel(workload);
  const trainer = new Trainer(model, { optimizer, loss, seed: 1, threads });
  const data = await loadData(source, { ...workload, outputShape: model.outputShape });
  const plan = model.plan({ batchSize, threads });
  const timing = await measure({ trainer, data, batchSize, windowSeconds });

  const flops = plan.layers.reduce((sum, layer) => sum + layer.flops, 0);
  const line = {
    peer: 'gradloom',
    version: packageVersion(),
    workload: name,
    threads: threads === 0 ? info().defaultThreads : threads,
    samples_per_s: round((batchSize / timing.msPerStep) * 1000),
    ms_per_step: round(timing.msPerStep),
    loss_first: round(timing.lossFirst),
    loss_last: round(timing.lossLast),
    steps: timing.steps,
    gflops: round(flops / timing.msPerStep / 1e6),
    notes: notesOf(timing, plan.threads),
  };
  if (table === 'shown') {
    console.error(model.summary());
    const rows = plan.layers.filter(({ flops }) => flops > 0);
    for (const row of rows)
      console.error(`${row.name}: ${row.kernel}, ${round(row.flops / 1e6)} MFLOP a step`);
    for (const [key, value] of Object.entries(line)) console.error(`${key.padEnd(14)} ${value}`);
  }
  console.log(JSON.stringify(line));
  if (source !== 'random' && !(timing.lossLast < timing.lossFirst)) {
    throw new Error(
      `bench: on real data the loss must fall, but it went from ${line.loss_first} to ${line.loss_last}`,
    );
  }
}

function benchUpdate(
  workload: string,
  { size, table, ...settings }: Settings & { readonly size: number },
): void {
  const timing = timeUpdate(workload, { size, ...settings });
  const { threads } = settings;
  const line = {
    peer: 'gradloom',
    version: packageVersion(),
    workload,
    threads: threads === 0 ? info().defaultThreads : threads,
    samples_per_s: round((size / timing.msPerStep) * 1000),
    ms_per_step: round(timing.msPerStep),
    loss_first: null,
    loss_last: null,
    steps: timing.steps,
    gflops: null,
    notes: [
      `${round(timing.gigabytesPerSecond)} GB/s at ${round(timing.bytesPerParameter)} bytes a parameter`,
      `${size} parameters (samples)`,
      `spread ${(timing.spread * 100).toFixed(1)}%`,
      info().simdTarget,
    ].join('; '),
  };
  print(line, table);
}

function benchSkipGram({ table, ...settings }: Settings): void {
  const timing = timeSkipGram(settings);
  const { threads } = settings;
  const line = {
    peer: 'gradloom',
    version: packageVersion(),
    workload: SKIP_GRAM,
    threads: threads === 0 ? info().defaultThreads : threads,
    samples_per_s: round((timing.pairs / timing.msPerStep) * 1000),
    ms_per_step: round(timing.msPerStep),
    loss_first: round(timing.lossFirst),
    loss_last: round(timing.lossLast),
    steps: timing.steps,
    gflops: round(timing.flops / timing.msPerStep / 1e6),
    notes: `samples are pairs; spread ${(timing.spread * 100).toFixed(1)}%; ${info().simdTarget}`,
  };
  print(line, table);
}

function print(line: object, table: Settings['table']): void {
  if (table === 'shown') {
    for (const [key, value] of Object.entries(line)) console.error(`${key.padEnd(14)} ${value}`);
  }
  console.log(JSON.stringify(line));
}

function notesOf(timing: Timing, planThreads: number): string {
  const notes = [
    `spread ${(timing.spread * 100).toFixed(1)}%`,
    `steps run on ${planThreads} thread${planThreads === 1 ? '' : 's'}`,
    'weights glorotUniform (torch: uniform, 1/sqrt(fan-in))',
    `${info().blas}, ${info().simdTarget}`,
  ];
  if (timing.contended) notes.push('CONTENDED');
  if (timing.spoiltWindows > 0) notes.push(`${timing.spoiltWindows} windows thrown away (other processes)`);
  return notes.join('; ');
}

/** To six digits. */
function round(value: number): number {
  return Number(value.toPrecision(6));
}

function packageVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
