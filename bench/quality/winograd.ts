/**
 * Whether Winograd's rounding errors cost accuracy: the same nets trained on real data by conv2d's kernels 'direct' and 'winograd',
 * from the same weights and in the same order for each seed. Prints a table in Markdown; see QUALITY.md.
 *
 * CIFAR-10 is read from the folder that CIFAR10_DIR names, and left out without it.
 */
import {
  adagrad,
  cifar10,
  conv2d,
  type Dataset,
  dense,
  digits,
  fashionMnist,
  flatten,
  GradloomError,
  type Layer,
  maxPool2d,
  sequential,
  Trainer,
} from '../../lib/index.ts';
import { choose, readArguments, readCount } from '../command-line/arguments.ts';

type Kernel = 'direct' | 'winograd';
type Images = Dataset<[number, number, number], 'class'>;

interface Task {
  readonly name: string;
  /** What stands between the input and the last dense layer: filters of convolutions, or a pool of 2x2. */
  readonly body: readonly (number | 'pool')[];
  readonly epochs: number;
  readonly load: () => Promise<{ readonly train: Images; readonly test: Images }>;
}

const TASKS: readonly Task[] = [
  {
    name: 'digits',
    body: [16, 32, 'pool', 32],
    epochs: 20,
    load: async () => {
      const [train, test] = (await digits()).split({ fraction: 0.8, seed: 42, stratify: 'labels' });
      return { train, test };
    },
  },
  { name: 'fashion-mnist', body: [16, 'pool', 32, 'pool'], epochs: 4, load: fashionMnist },
  { name: 'cifar-10', body: [16, 16, 'pool', 32, 32, 'pool'], epochs: 8, load: cifar10 },
];

const LANES = 16;

/** Those of the convolutions, by turns. */
const WINDOWS: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  '3': [[3, 3]],
  '5': [[5, 5]],
  '7': [[7, 7]],
  '1x3': [
    [1, 3],
    [3, 1],
  ],
  '1x5': [
    [1, 5],
    [5, 1],
  ],
};

interface RunOptions {
  /** Of the convolutions before a pool, in whose place they stand where it is above 1. */
  readonly stride: number;
  readonly windows: readonly (readonly [number, number])[];
  readonly batchSize: number;
  readonly threads: number;
}

interface Outcome {
  /** On the test samples. */
  readonly accuracy: number;
  /** Of the last epoch. */
  readonly loss: number;
}

async function trainOnce(
  task: Task,
  { train, test }: { readonly train: Images; readonly test: Images },
  {
    kernel,
    windows,
    stride,
    batchSize,
    seed,
    threads,
  }: RunOptions & { readonly kernel: Kernel; readonly seed: number },
): Promise<Outcome> {
  // Of few samples, whose filters are in the lanes then, 'auto' alone takes it.
  const asked = kernel === 'winograd' && batchSize < LANES ? 'auto' : kernel;
  let convolutions = 0;
  const convolve = (filters: number, strides: number): Layer => {
    const kernelSize = windows[convolutions++ % windows.length] ?? 3;
    return conv2d({ filters, kernelSize, strides, padding: 'same', activation: 'relu', kernel: asked });
  };
  const body = task.body.flatMap((part, at) => {
    if (part === 'pool') return stride === 1 ? [maxPool2d({ poolSize: 2 })] : [];
    return [convolve(part, task.body[at + 1] === 'pool' ? stride : 1)];
  });
  const model = sequential({ inputShape: train.inputShape, seed }, [
    ...body,
    flatten(),
    dense({ units: 10 }),
  ]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.01 }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy'],
    seed,
    threads,
  });
  const history = await trainer.fit(train, { epochs: task.epochs, batchSize, validation: test });
  const last = history.epochs[task.epochs - 1];
  if (last === undefined) throw new Error(`${task.name}: the run ended early`);
  return { accuracy: last.validation.accuracy, loss: last.loss };
}

function inPercent(values: readonly number[]): string {
  const inHundredths = values.map((value) => 100 * value);
  return meanAndDeviation(inHundredths, 2);
}

/** The standard deviation is that of a sample. */
function meanAndDeviation(values: readonly number[], places: number): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(values.length - 1, 1));
  return `${mean.toFixed(places)} ± ${deviation.toFixed(places)}`;
}

async function compare(task: Task, seeds: number, options: RunOptions): Promise<string> {
  const data = await task.load();
  const pairs: Record<Kernel, Outcome>[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const direct = await trainOnce(task, data, { ...options, kernel: 'direct', seed });
    const winograd = await trainOnce(task, data, { ...options, kernel: 'winograd', seed });
    pairs.push({ direct, winograd });
    console.error(`${task.name}, seed ${seed}: ${JSON.stringify({ direct, winograd })}`);
  }
  const cells = [
    inPercent(pairs.map(({ direct }) => direct.accuracy)),
    inPercent(pairs.map(({ winograd }) => winograd.accuracy)),
    inPercent(pairs.map(({ direct, winograd }) => winograd.accuracy - direct.accuracy)),
    meanAndDeviation(
      pairs.map(({ direct }) => direct.loss),
      4,
    ),
    meanAndDeviation(
      pairs.map(({ winograd }) => winograd.loss),
      4,
    ),
  ];
  return `| ${[task.name, task.body.join(', '), task.epochs, ...cells].join(' | ')} |`;
}

function windowsOf(name: string): RunOptions['windows'] {
  const windows = WINDOWS[name];
  if (windows !== undefined) return windows;
  throw new Error(`--window cannot be "${name}"; use ${Object.keys(WINDOWS).join(', ')}`);
}

const NAMES = TASKS.map(({ name }) => name);
const USAGE = `usage: npx tsx bench/quality/winograd.ts [--window ${Object.keys(WINDOWS).join(' | ')}] [--stride 1] [--batch 64] [--seeds 5] [--threads n] [${NAMES.join(' | ')} ...]`;
const ARGUMENTS = {
  allowPositionals: true,
  options: {
    window: { type: 'string', default: '3' },
    stride: { type: 'string', default: '1' },
    batch: { type: 'string', default: '64' },
    seeds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '0' },
  },
} as const;
const { windows, stride, batchSize, seeds, threads, chosen } = readArguments(
  USAGE,
  ARGUMENTS,
  ({ values, positionals }) => ({
    windows: windowsOf(values.window),
    stride: readCount('--stride', values.stride),
    batchSize: readCount('--batch', values.batch),
    seeds: readCount('--seeds', values.seeds),
    threads: readCount('--threads', values.threads),
    chosen: choose('task', positionals, NAMES),
  }),
);
const rows: string[] = [];
for (const task of TASKS.filter(({ name }) => chosen.includes(name))) {
  try {
    rows.push(await compare(task, seeds, { windows, stride, batchSize, threads }));
  } catch (error) {
    if (!(error instanceof GradloomError && error.code === 'NOT_INSTALLED')) throw error;
    console.error(`${task.name} is left out: ${error.message}`);
  }
}
console.log(`| data | net | epochs | direct, accuracy in % | winograd | difference, seed by seed | direct, last loss | winograd |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}`);
