/** `gradloom bench`: how many samples a second this machine trains, for a few networks that stand for many. */
import { fromArrays } from '../../datasets/index.ts';
import { conv2d, dense, flatten, maxPool2d } from '../../layers/index.ts';
import type { Layer } from '../../layers/layer.ts';
import type { Model } from '../../models/model.ts';
import { sequential } from '../../models/sequential.ts';
import { info } from '../../native/info.ts';
import { adagrad } from '../../optimizers/index.ts';
import { Trainer } from '../../trainers/trainer.ts';
import { EXIT } from '../exit-codes.ts';
import { formatCount, type Output } from '../output.ts';

export interface BenchCommand {
  readonly threads: number;
  readonly seconds: number;
}

interface Workload {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly batchSize: number;
  readonly layers: readonly Layer[];
}

const relu = { activation: 'relu' } as const;
const conv = (filters: number) => conv2d({ filters, kernelSize: 3, padding: 'same', ...relu });
const pool = () => maxPool2d({ poolSize: 2 });

const WORKLOADS: readonly Workload[] = [
  {
    name: 'table: 20 -> 64 -> 32 -> 2',
    inputShape: [20],
    batchSize: 32,
    layers: [dense({ units: 64, ...relu }), dense({ units: 32, ...relu }), dense({ units: 2 })],
  },
  {
    name: 'mlp: 784 -> 512 -> 256 -> 10',
    inputShape: [784],
    batchSize: 128,
    layers: [dense({ units: 512, ...relu }), dense({ units: 256, ...relu }), dense({ units: 10 })],
  },
  {
    name: 'cnn: 28x28x1, 16 and 32 filters',
    inputShape: [28, 28, 1],
    batchSize: 64,
    layers: [conv(16), pool(), conv(32), pool(), flatten(), dense({ units: 10 })],
  },
  {
    name: 'cnn: 32x32x3, 32 and 64 filters',
    inputShape: [32, 32, 3],
    batchSize: 32,
    layers: [conv(32), pool(), conv(64), pool(), flatten(), dense({ units: 10 })],
  },
];

/** Batches of an epoch: few enough to stay in cache's reach, many enough to hide the epoch's end. */
const BATCHES = 16;
const MIN_EPOCHS = 3;

export async function bench({ threads, seconds }: BenchCommand, output: Output): Promise<number> {
  const { simdTarget, blas, defaultThreads } = info();
  output.tell('machine', `${threads === 0 ? defaultThreads : threads} threads, ${simdTarget}, ${blas}`, '');
  output.say(`${'training'.padEnd(34)}${'samples/s'.padStart(12)}${'ms/step'.padStart(10)}`);
  const results: object[] = [];
  for (const workload of WORKLOADS) {
    const samplesPerSecond = await measure(workload, threads, seconds);
    const msPerStep = (1000 * workload.batchSize) / samplesPerSecond;
    const figures = `${formatCount(Math.round(samplesPerSecond)).padStart(12)}${msPerStep.toFixed(3).padStart(10)}`;
    output.say(`${workload.name.padEnd(34)}${figures}`);
    results.push({ workload: workload.name, batchSize: workload.batchSize, samplesPerSecond, msPerStep });
  }
  output.say('\nRandom data, AdaGrad, the median epoch. Other programs on the machine make it slower.');
  output.give({ threads: threads === 0 ? defaultThreads : threads, simdTarget, blas, results });
  return EXIT.done;
}

/** The median epoch's rate over about `seconds`, after a first epoch to warm up. */
async function measure(
  { inputShape, batchSize, layers }: Workload,
  threads: number,
  seconds: number,
): Promise<number> {
  const count = batchSize * BATCHES;
  const size = inputShape.reduce((product, extent) => product * extent, 1);
  const model = sequential({ inputShape, seed: 1 }, layers) as Model;
  const classes = model.outputShape[0] as number;
  const data = fromArrays({
    inputs: Float32Array.from({ length: count * size }, (_, i) => Math.sin(i * 12.9898) * 1.4),
    inputShape,
    labels: Int32Array.from({ length: count }, (_, i) => (i * 7) % classes),
  });
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads });
  const { epochs: warm } = await trainer.fit(data, {
    epochs: 1,
    batchSize,
    shuffle: 'never',
    progress: 'none',
  });
  const epochs = Math.max(MIN_EPOCHS, Math.ceil(seconds / Math.max(warm[0]?.seconds ?? 0, 1e-4)));
  const history = await trainer.fit(data, { epochs, batchSize, shuffle: 'never', progress: 'none' });
  const rates = history.epochs.map(({ samplesPerSecond }) => samplesPerSecond).sort((a, b) => a - b);
  return rates[Math.floor(rates.length / 2)] as number;
}
