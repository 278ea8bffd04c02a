/** The programs that `bench:peers` runs beside Gradloom: where they are, what they can do, how they are called. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { INFER_WORKLOADS } from '../calls/infer.ts';
import { SKIP_GRAM } from '../calls/skip-gram.ts';
import { WORKLOADS } from '../workloads/named.ts';

export const WORKLOAD_NAMES: readonly string[] = [
  ...WORKLOADS.map(({ name }) => name),
  SKIP_GRAM,
  'adagrad-update',
  ...INFER_WORKLOADS,
];

/** The peers' scripts stand beside the repository. */
export const PEERS_FOLDER = fileURLToPath(new URL('../../../shared/peers/', import.meta.url));

export interface Peer {
  readonly name: string;
  /** What stands in the way of running it, or undefined. */
  readonly missing: () => string | undefined;
  /** Those it can train; left out: all. */
  readonly workloads?: readonly string[];
  /** Those among all that it cannot. */
  readonly cannot?: readonly string[];
  /** Whether it trains the net of a spec, too. Default: false. */
  readonly specs?: boolean;
  /** Whether the number of threads can be chosen; `'one'`: it always runs on one. */
  readonly threads: 'any' | 'one';
  /** Where it trains by another rule than AdaGrad on the same loss. */
  readonly differs?: string;
  /** `workload`: a name, or the path of a spec. */
  readonly command: (workload: string, settings: RunSettings) => readonly string[];
}

/** Names of workloads have no such ending. */
export function isSpec(workload: string): boolean {
  return workload.endsWith('.json');
}

export interface RunSettings {
  readonly threads: number;
  readonly windowSeconds: number;
}

const PYTHON = process.env.PY ?? '/usr/bin/python3';
const NODE_PEERS = process.env.PEERS_DIR ?? PEERS_FOLDER;
const TFJS_NODE = process.env.TFJS_NODE_DIR ?? join(PEERS_FOLDER, 'tfjs-node');

const TORCH_NET = fileURLToPath(new URL('torch-net.py', import.meta.url));

const DENSE_WORKLOADS = ['mlp', 'mlp-small', 'iris'];
/** Whose rows are updated by each entry. */
const SAMPLE_BY_SAMPLE = ['sparse-logreg-sequential', 'sparse-logreg-hogwild'];

export const GRADLOOM: Peer = {
  name: 'gradloom',
  missing: () => undefined,
  threads: 'any',
  command: (workload, settings) => [
    process.execPath,
    '--import=tsx',
    fileURLToPath(new URL('../run.ts', import.meta.url)),
    ...(isSpec(workload) ? ['--spec', workload] : [workload]),
    '--json',
    ...threadsOf(settings),
    ...windowOf(settings),
  ],
};

export const PEERS: readonly Peer[] = [
  {
    name: 'torch',
    missing: () => missingModule('torch'),
    cannot: SAMPLE_BY_SAMPLE,
    specs: true,
    threads: 'any',
    command: (workload, settings) => [
      PYTHON,
      isSpec(workload) ? TORCH_NET : join(PEERS_FOLDER, 'torch_bench.py'),
      workload,
      ...threadsOf(settings),
      ...windowOf(settings),
    ],
  },
  {
    // Its nets come from export_onnx.py, in the folder PEER_MODELS.
    name: 'onnxruntime-node',
    missing: () => missingPackage(NODE_PEERS, 'onnxruntime-node'),
    workloads: INFER_WORKLOADS,
    threads: 'any',
    command: (workload, settings) => [
      process.execPath,
      join(PEERS_FOLDER, 'ort_bench.mjs'),
      workload,
      ...threadsOf(settings),
      ...windowOf(settings),
    ],
  },
  {
    name: 'scikit-learn',
    missing: () => missingModule('sklearn'),
    workloads: [...DENSE_WORKLOADS, 'sparse-logreg', ...SAMPLE_BY_SAMPLE],
    threads: 'any',
    differs: 'SGD, with momentum or sample by sample',
    command: (workload, settings) => [
      PYTHON,
      join(PEERS_FOLDER, 'sklearn_bench.py'),
      // Its one rule for sparse samples is what two of ours stand beside.
      SAMPLE_BY_SAMPLE.includes(workload) ? 'sparse-logreg' : workload,
      ...threadsOf(settings),
    ],
  },
  {
    name: 'fasttext',
    missing: () => missingProgram('fasttext'),
    workloads: [SKIP_GRAM],
    threads: 'any',
    differs: 'SGD pair by pair, threads racing',
    command: (workload, settings) => [
      PYTHON,
      join(PEERS_FOLDER, 'fasttext_bench.py'),
      workload,
      ...threadsOf(settings),
    ],
  },
  {
    name: 'tfjs-node',
    missing: () => missingPackage(TFJS_NODE, '@tensorflow/tfjs-node'),
    threads: 'any',
    command: (workload, settings) => [...tfjs(workload, 'node', settings), ...threadsOf(settings)],
  },
  {
    // Its convolutions have no gradients.
    name: 'tfjs-wasm',
    missing: () => missingPackage(NODE_PEERS, '@tensorflow/tfjs-backend-wasm'),
    workloads: DENSE_WORKLOADS,
    threads: 'one',
    command: (workload, settings) => tfjs(workload, 'wasm', settings),
  },
  {
    // A step of the larger nets takes minutes.
    name: 'tfjs-cpu',
    missing: () => missingPackage(NODE_PEERS, '@tensorflow/tfjs'),
    workloads: [...DENSE_WORKLOADS, 'digits-cnn', 'lenet'],
    threads: 'one',
    command: (workload, settings) => [...tfjs(workload, 'cpu', settings), '--cap-s', '8'],
  },
  {
    name: 'brain.js',
    missing: () => missingPackage(NODE_PEERS, 'brain.js'),
    workloads: ['mlp-small', 'iris'],
    threads: 'one',
    differs: 'SGD sample by sample, squared error',
    command: (workload) => [process.execPath, join(PEERS_FOLDER, 'brain_bench.mjs'), workload],
  },
];

function tfjs(workload: string, backend: string, settings: RunSettings): string[] {
  const script = join(PEERS_FOLDER, 'tfjs_bench.mjs');
  return [process.execPath, script, workload, '--backend', backend, ...windowOf(settings)];
}

function threadsOf({ threads }: RunSettings): string[] {
  return ['--threads', String(threads)];
}

function windowOf({ windowSeconds }: RunSettings): string[] {
  return ['--window-s', String(windowSeconds)];
}

function missingModule(module: string): string | undefined {
  const { status } = spawnSync(PYTHON, ['-c', `import ${module}`], { stdio: 'ignore' });
  return status === 0 ? undefined : `${PYTHON} has no module ${module}`;
}

function missingProgram(name: string): string | undefined {
  const { error } = spawnSync(name, { stdio: 'ignore' });
  return error === undefined ? undefined : `there is no program ${name}`;
}

function missingPackage(folder: string, name: string): string | undefined {
  const path = join(folder, 'node_modules', name);
  return existsSync(path) ? undefined : `${path} does not exist`;
}
