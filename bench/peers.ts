/**
 * `npm run bench:peers`: Gradloom and every installed peer on the same work, one after another. The peers' programs are those of
 * `../shared/peers`, which print the same line; its README says how each is installed (PEERS_DIR, TFJS_NODE_DIR and PY name where). What
 * is not there is skipped with a message. `--out` keeps every run as JSON, with date, processor and versions.
 *
 * The table has medians over rounds, the ratio `peer ms / gradloom ms` (above 1 Gradloom is ahead), and the lowest and highest ratio of a
 * single round. torch runs its default, foreach and fused AdaGrad, with convolutions also channels-last, and its best one counts. Peers
 * that train by another rule are marked; those that know one thread only are compared on one. Where Gradloom has to be ahead the row has
 * the floor of the ratio and a verdict, and the exit code is 1 when one is not met.
 *
 * `of limit` is what the machine could do the step in, over Gradloom's time and over the peer's: the products by definition at the peak,
 * for updates the bytes at the bandwidth of their size. Winograd needs fewer products than the definition, so its nets may come to more
 * than 100 %; a step that hardly multiplies comes to next to nothing.
 *
 * A virtual machine's processors may be put on one core for some seconds: a run is made again where the multiply-adds of its threads
 * together, before or behind it, come to less than 0.8 of the most so far. The last lines say what the machine can do, and how long a
 * cache line takes from one core to another and back; where that is 400 ns in place of 80, small steps on two threads take two to three
 * times as long.
 *
 * `GRADLOOM_SIMD=AVX2 npm run bench:peers -- mlp --peers torch` shows how it is on a processor without AVX-512: it holds Gradloom's
 * kernels to AVX2, and PyTorch's with OpenBLAS's and oneDNN's.
 */
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { info } from '../lib/index.ts';
import { choose, readArguments, readNumber } from './command-line/arguments.ts';
import { compare, formatComparisons, type Measurement, meetsFloors } from './peers/comparisons.ts';
import { GRADLOOM, isSpec, PEERS, PEERS_FOLDER, type Peer, WORKLOAD_NAMES } from './peers/programs.ts';
import { CoreCheck, MachineLimits } from './timing/limits.ts';
import { buildModel, readSpec } from './workloads/spec.ts';

const PEER_NAMES = PEERS.map(({ name }) => name);

const USAGE = `usage: npm run bench:peers -- [workload ...] [--peers torch,...] [--threads 1,2] [--repeats n] [--window-s seconds] [--out file.json]
       npm run bench:peers -- --spec file.json [--spec other.json ...] [...]

workloads: ${WORKLOAD_NAMES.join(', ')}
peers: ${PEER_NAMES.join(', ')}`;

const ARGUMENTS = {
  allowPositionals: true,
  options: {
    spec: { type: 'string', multiple: true },
    peers: { type: 'string' },
    threads: { type: 'string', default: '1,2' },
    repeats: { type: 'string', default: '3' },
    'window-s': { type: 'string', default: '1.5' },
    out: { type: 'string' },
  },
} as const;

/** A peer that hangs is given up. */
const LIMIT_MS = 15 * 60_000;

/** How often a program is run at most while threads share a core, and the pause between. */
const MOST_TURNS = 5;
const SHARED_CORE_MS = 2_000;

/** Choices of kernels and threads that hold for one library and not for another: all programs run without them. */
const TUNING = /^(OPENBLAS|GOTO|MKL|OMP|KMP|ATEN|DNNL|ONEDNN)_/;

/** What holds the libraries of a peer to an instruction set that `GRADLOOM_SIMD` holds Gradloom to. PyTorch alone can be. */
const HELD: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  AVX2: { OPENBLAS_CORETYPE: 'Haswell', ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2' },
};

interface Settings {
  /** Names, or paths of specs. */
  readonly workloads: readonly string[];
  readonly peers: readonly Peer[];
  readonly threads: readonly number[];
  readonly repeats: number;
  readonly windowSeconds: number;
  /** Where the measurements go, one by one. */
  readonly out: string | undefined;
}

try {
  const settings = readSettings();
  if (!existsSync(PEERS_FOLDER) && !settings.workloads.every(isSpec)) {
    console.log(
      `The peers' programs (../shared/peers beside the repository) are not here: nothing was compared.`,
    );
  } else {
    const limits = new Map(settings.threads.map((threads) => [threads, new MachineLimits(threads)]));
    const measurements = await runAll(settings, limits);
    if (settings.out !== undefined) writeFileSync(settings.out, formatRecord(settings, limits, measurements));
    const comparisons = compare(measurements, limits);
    console.log(formatComparisons(comparisons));
    for (const [threads, limit] of limits)
      console.log(`the machine, ${threads} thread(s): ${limit.describe()}`);
    if (!meetsFloors(comparisons)) process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

function readSettings(): Settings {
  const count = (value: number) => Number.isInteger(value) && value > 0;
  return readArguments(USAGE, ARGUMENTS, ({ values, positionals }) => {
    const peers = choose('peer', values.peers?.split(',') ?? [], PEER_NAMES);
    const specs = values.spec ?? [];
    for (const path of specs) {
      if (!isSpec(path)) throw new Error(`--spec cannot be "${path}": a spec's name ends with .json`);
      buildModel(readSpec(path));
    }
    const held = process.env.GRADLOOM_SIMD ?? '';
    if (held !== '' && !(held in HELD && peers.every((name) => name === 'torch'))) {
      throw new Error(
        `GRADLOOM_SIMD=${held}: of the peers PyTorch alone can be held to an instruction set, and that to ${Object.keys(HELD)}: use --peers torch`,
      );
    }
    const named =
      positionals.length === 0 && specs.length > 0 ? [] : choose('workload', positionals, WORKLOAD_NAMES);
    return {
      workloads: [...named, ...specs],
      peers: PEERS.filter(({ name }) => peers.includes(name)),
      threads: values.threads.split(',').map((value) => readNumber('--threads', value, count)),
      repeats: readNumber('--repeats', values.repeats, count),
      windowSeconds: readNumber('--window-s', values['window-s'], (value) => value > 0),
      out: values.out,
    };
  });
}

/** When, on what and how it was measured, then a line a program's run. */
function formatRecord(
  { repeats, windowSeconds }: Settings,
  limits: ReadonlyMap<number, MachineLimits>,
  measurements: readonly Measurement[],
): string {
  const head = {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model,
    processors: cpus().length,
    node: process.version,
    ...info(),
    repeats,
    windowSeconds,
    limits: Object.fromEntries([...limits].map(([threads, limit]) => [threads, limit.describe()])),
  };
  const runs = measurements.map(({ peer, ...rest }) => JSON.stringify({ peer: peer.name, ...rest }));
  return `{"measured": ${JSON.stringify(head)},\n"runs": [\n${runs.join(',\n')}\n]}\n`;
}

/**
 * Repeats stand innermost, and each turns the order around: what drifts meets all alike. The machine's limits are
 * measured before each.
 */
async function runAll(
  settings: Settings,
  limits: ReadonlyMap<number, MachineLimits>,
): Promise<Measurement[]> {
  const installed = settings.peers.filter(isInstalled);
  const measurements: Measurement[] = [];
  for (const workload of settings.workloads) {
    for (const threads of settings.threads) {
      const cores = new CoreCheck(threads);
      const able = [GRADLOOM, ...installed.filter((peer) => canRun(peer, workload, threads))];
      for (let repeat = 0; repeat < settings.repeats; repeat++) {
        const limit = limits.get(threads);
        limit?.measure();
        const roundTripNanoseconds = Math.round((limit?.roundTripSeconds ?? 0) * 1e9);
        for (const peer of repeat % 2 === 0 ? able : able.toReversed()) {
          const { windowSeconds } = settings;
          const timed = await timeOnAllCores(cores, peer, workload, { threads, windowSeconds });
          if (timed !== undefined)
            measurements.push({ peer, workload, threads, repeat, roundTripNanoseconds, ...timed });
        }
      }
    }
  }
  return measurements;
}

function isInstalled(peer: Peer): boolean {
  const missing = peer.missing();
  if (missing !== undefined) console.error(`${peer.name} is skipped: ${missing}`);
  return missing === undefined;
}

function canRun(peer: Peer, workload: string, threads: number): boolean {
  if (isSpec(workload)) return peer.specs === true;
  if (peer.cannot?.includes(workload)) return false;
  return (peer.workloads?.includes(workload) ?? true) && (peer.threads === 'any' || threads === 1);
}

/** As `time`, again where threads had fewer cores before or behind it, up to five times. */
async function timeOnAllCores(
  cores: CoreCheck,
  ...run: Parameters<typeof time>
): Promise<Awaited<ReturnType<typeof time>>> {
  const [peer, workload, { threads }] = run;
  for (let turn = 0; ; turn++) {
    const hadLess = cores.hasLess();
    const timed = await time(...run);
    if (timed === undefined || !(hadLess || cores.hasLess())) return timed;
    const ends = turn === MOST_TURNS - 1;
    console.error(
      `${workload}, ${threads} thread(s), ${peer.name}: threads shared a core before or behind it; ${ends ? 'kept all the same' : 'measured again'}`,
    );
    if (ends) return timed;
    await setTimeout(SHARED_CORE_MS);
  }
}

/** Undefined for a program that cannot do it. */
async function time(
  peer: Peer,
  workload: string,
  settings: { readonly threads: number; readonly windowSeconds: number },
): Promise<Pick<Measurement, 'version' | 'ms' | 'work'> | undefined> {
  const { status, output, errors } = await run(peer.command(workload, settings));
  const line = output.split('\n').findLast((text) => text.startsWith('{'));
  const result = line === undefined ? undefined : (JSON.parse(line) as Line);
  const shown = `${workload}, ${settings.threads} thread(s), ${peer.name}`;
  if (status !== 0 || result === undefined || result.ms_per_step === null) {
    const lines = (result?.notes ?? errors).trim().split('\n');
    console.error(`${shown}: failed: ${lines[lines.length - 1]}`);
    return undefined;
  }
  console.error(`${shown}: ${result.ms_per_step} ms a step (${result.notes})`);
  const { version, ms_per_step: ms, gflops, bytes = 0, working_set: workingSet = bytes } = result;
  return { version, ms, work: { flops: (gflops ?? 0) * ms * 1e6, bytes, workingSet } };
}

/** What every program prints. */
interface Line {
  readonly version: string;
  readonly ms_per_step: number | null;
  readonly gflops: number | null;
  /** Of Gradloom, where a step is nothing but memory traffic. */
  readonly bytes?: number;
  readonly working_set?: number;
  readonly notes: string;
}

interface Finished {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

function run([program = '', ...args]: readonly string[]): Promise<Finished> {
  const untuned = Object.entries(process.env).filter(([name]) => !TUNING.test(name));
  const env = { ...Object.fromEntries(untuned), ...HELD[process.env.GRADLOOM_SIMD ?? ''] };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output, errors }));
  });
}
