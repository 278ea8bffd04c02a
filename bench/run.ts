/** `npm run bench -- <workload> [--threads n] [--json]`: how fast Gradloom trains, as one line of JSON. README.md says what is timed. */
import { readFileSync } from 'node:fs';
import { suggest } from '../lib/core/options.ts';
import { info, sgd, Trainer } from '../lib/index.ts';
import { CALLS, timeCall } from './calls/calls.ts';
import { UPDATE_SIZE } from './calls/update.ts';
import { choose, readArguments, readCount, readNumber } from './command-line/arguments.ts';
import { toSixDigits as round } from './command-line/table.ts';
import { type BusyCore, formatBusyCore, measureBusyCore } from './studies/busy-core.ts';
import { CURVES, formatCurves, measureCurves } from './studies/curves.ts';
import { formatMemory, measureMemory } from './studies/memory.ts';
import { BAR, formatRoofline, measureRoofline } from './studies/roofline.ts';
import { describeAccesses } from './timing/accesses.ts';
import { measure, type Timing } from './timing/measure.ts';
import { StepProfiler } from './timing/step-profiler.ts';
import { WORKLOADS } from './workloads/named.ts';
import { readSpec } from './workloads/spec.ts';
import { prepare, type Workload } from './workloads/workload.ts';

const TRAINED: readonly string[] = WORKLOADS.map(({ name }) => name);
const KNOWN: readonly string[] = [...TRAINED, ...CALLS];

const USAGE = `usage: npm run --silent bench -- <workload> [--threads n] [--json] [--window-s seconds]
       npm run --silent bench -- --spec file.json [...]
       npm run --silent bench -- adagrad-update [--size parameters] [...]
       npm run --silent bench -- <workload ...> --roofline [--turns n] [...]
       npm run --silent bench -- <workload ...> --busy-core [...]
       npm run --silent bench -- --curves [batch width depth threads] [...]
       npm run --silent bench -- --memory [workload ...] [...]

One line of JSON goes to stdout; without --json, a table goes to stderr as well.

workloads: ${KNOWN.join(', ')}`;

/** What else may be asked of training than its speed. */
const STUDIES = { '--roofline': benchRoofline, '--busy-core': benchBusyCore } as const;

const ARGUMENTS = {
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
    spec: { type: 'string' },
    'window-s': { type: 'string', default: '1.5' },
    size: { type: 'string', default: String(UPDATE_SIZE) },
    roofline: { type: 'boolean', default: false },
    turns: { type: 'string', default: '5' },
    'busy-core': { type: 'boolean', default: false },
    curves: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
  },
} as const;

interface Settings {
  /** 0: all that the machine gives. */
  readonly threads: number;
  readonly windowSeconds: number;
  /** Of steps and limits, of a roofline; odd, so that one is in the middle. */
  readonly turns: number;
  readonly table: 'shown' | 'hidden';
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values, positionals, settings, size } = readArguments(USAGE, ARGUMENTS, (given) => ({
    ...given,
    settings: {
      threads: readCount('--threads', given.values.threads),
      windowSeconds: readNumber('--window-s', given.values['window-s'], (value) => value > 0),
      turns: readNumber('--turns', given.values.turns, (value) => value > 0 && value % 2 === 1),
      table: given.values.json ? 'hidden' : 'shown',
    } as const satisfies Settings,
    size: readNumber('--size', given.values.size, (value) => Number.isInteger(value) && value > 0),
  }));
  if (values.curves) return benchCurves(choose('curve', positionals, CURVES), settings);
  if (values.memory) return benchMemory(choose('workload', positionals, TRAINED), settings);
  const study = values.roofline ? '--roofline' : values['busy-core'] ? '--busy-core' : undefined;
  const call = positionals.find((name) => CALLS.includes(name));
  if (call !== undefined && study !== undefined) {
    throw new Error(`bench: ${study} is for training, not for ${call}`);
  }
  if (call !== undefined && positionals.length === 1 && values.spec === undefined) {
    return benchCalls(call, { ...settings, size });
  }
  const workloads = chooseWorkloads(positionals, values.spec);
  const [workload] = workloads;
  if (workload === undefined) {
    console.log(USAGE);
  } else if (study !== undefined) {
    for (const each of workloads) await STUDIES[study](each, settings);
  } else if (workloads.length === 1) {
    await bench(workload, settings);
  } else {
    throw new Error(`bench: got ${positionals.join(' and ')}; expected one workload`);
  }
}

function chooseWorkloads(names: readonly string[], specPath: string | undefined): readonly Workload[] {
  if (specPath !== undefined) {
    if (names.length > 0) {
      throw new Error(`bench: got ${[...names, specPath].join(' and ')}; expected one workload`);
    }
    return [{ ...readSpec(specPath), source: 'random' }];
  }
  return names.map((name) => {
    const found = WORKLOADS.find((workload) => workload.name === name);
    if (found !== undefined) return found;
    throw new Error(
      CALLS.includes(name)
        ? `bench: ${name} takes no other workload beside it; run each by itself`
        : `bench: there is no workload "${name}"; ${suggest(name, KNOWN)}`,
    );
  });
}

async function bench(workload: Workload, { threads, windowSeconds, table }: Settings): Promise<void> {
  const { name, batchSize, loss, optimizer, source } = workload;
  const { model, data } = await prepare(workload);
  const trainer = new Trainer(model, { optimizer, loss, seed: 1, threads });
  const plan = model.plan({ batchSize, threads });
  const timing = await measure({ trainer, data, batchSize, windowSeconds });
  // By the rule that keeps nothing of a table.
  const stepper = StepProfiler.over({ model, data }, { batchSize, loss, optimizer: sgd() }, threads);

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
    notes: [notesOf(timing, stepper.threads), describeAccesses(workload, timing.msPerStep, stepper.threads)]
      .filter((note) => note !== undefined)
      .join('; '),
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

/** How near to the machine's limits the parts of a step come. */
async function benchRoofline(workload: Workload, settings: Settings): Promise<void> {
  const roofline = await measureRoofline(workload, settings);
  const { threads, msPerStep, limits, parts, share, contended } = roofline;
  if (settings.table === 'shown') console.error(formatRoofline(workload.name, roofline));
  const line = {
    workload: workload.name,
    threads,
    ms_per_step: round(msPerStep),
    peak_gflops: round(limits.flopsPerSecond / 1e9),
    peak_gdivisions: round(limits.divisionsPerSecond / 1e9),
    share_near_limit: round(share),
    bar: BAR,
    contended,
    parts: parts.map(({ name, pass, kernel, ms, gflops, gbytesPerS, limit, fraction }) => ({
      ...{ name, pass, kernel, limit },
      ms: round(ms),
      gflops: round(gflops),
      gbytes_per_s: round(gbytesPerS),
      fraction: round(fraction),
    })),
  };
  console.log(JSON.stringify(line));
}

/** Training while another program takes a core. */
async function benchBusyCore(workload: Workload, settings: Settings): Promise<void> {
  const figures = await measureBusyCore(workload, settings);
  const { threads, quiet, busy, loopShare, throughput, tail, contended } = figures;
  if (settings.table === 'shown') console.error(formatBusyCore(workload.name, figures));
  const toLine = ({ msPerStep, medianMs, p99Ms }: BusyCore['busy']) => {
    return { ms_per_step: round(msPerStep), median_ms: round(medianMs), p99_ms: round(p99Ms) };
  };
  const line = {
    ...{ workload: workload.name, threads, quiet: toLine(quiet), busy: toLine(busy) },
    loop_share: round(loopShare),
    throughput: round(throughput),
    p99_over_median: round(tail),
    contended,
  };
  console.log(JSON.stringify(line));
}

/** How the time of a step grows. */
async function benchCurves(names: readonly string[], settings: Settings): Promise<void> {
  const curves = await measureCurves(names, settings);
  if (settings.table === 'shown') console.error(formatCurves(curves));
  const lines = curves.map(({ points, ...curve }) => ({
    ...curve,
    points: points.map(({ value, threads, ms, gflops }) => ({
      ...{ value, threads, ms_per_step: round(ms), gflops: round(gflops) },
    })),
  }));
  console.log(JSON.stringify({ curves: lines }));
}

/** The most memory that training takes. */
async function benchMemory(names: readonly string[], settings: Settings): Promise<void> {
  const { threads, windowSeconds } = settings;
  const peaks = await measureMemory(names, {
    threads: threads === 0 ? info().defaultThreads : threads,
    windowSeconds,
  });
  if (settings.table === 'shown') console.error(formatMemory(peaks));
  console.log(JSON.stringify({ peak_mib: peaks }));
}

/** What is timed call by call. */
async function benchCalls(
  workload: string,
  { size, table, ...settings }: Settings & { readonly size: number },
): Promise<void> {
  const { timing, ...figures } = await timeCall(workload, size, settings);
  const { threads } = settings;
  const line = {
    peer: 'gradloom',
    version: packageVersion(),
    workload,
    threads: threads === 0 ? info().defaultThreads : threads,
    samples_per_s: round((figures.samples / timing.msPerStep) * 1000),
    ms_per_step: round(timing.msPerStep),
    loss_first: figures.losses === undefined ? null : round(figures.losses[0]),
    loss_last: figures.losses === undefined ? null : round(figures.losses[1]),
    steps: timing.steps,
    gflops: figures.flops === undefined ? null : round(figures.flops / timing.msPerStep / 1e6),
    ...(figures.memory && { bytes: figures.memory.bytes, working_set: figures.memory.workingSet }),
    notes: [...figures.notes, `spread ${(timing.spread * 100).toFixed(1)}%`, info().simdTarget].join('; '),
  };
  if (table === 'shown') {
    for (const [key, value] of Object.entries(line)) console.error(`${key.padEnd(14)} ${value}`);
  }
  console.log(JSON.stringify(line));
}

function notesOf(timing: Timing, threads: number): string {
  const notes = [
    `spread ${(timing.spread * 100).toFixed(1)}%`,
    `steps run on ${threads} thread${threads === 1 ? '' : 's'}`,
    'weights glorotUniform (torch: uniform, 1/sqrt(fan-in))',
    `${info().blas}, ${info().simdTarget}`,
  ];
  if (timing.contended) notes.push('CONTENDED');
  if (timing.spoiltWindows > 0) notes.push(`${timing.spoiltWindows} windows thrown away (other processes)`);
  return notes.join('; ');
}

function packageVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
