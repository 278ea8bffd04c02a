/** What the workloads train on: float32, in memory, in order, whole batches only. */
import { philox4x32 } from '../../lib/core/philox.ts';
import { sizeOf } from '../../lib/core/shape.ts';
import { type Dataset, fashionMnist, fromArrays, fromSparse, iris, standardize } from '../../lib/index.ts';
import type { Spec } from './spec.ts';

/** Where a workload's samples come from. The loss must fall on real ones. */
export type Source = 'fashion-mnist' | 'iris' | 'random' | 'sparse';

export type LabelledDataset = Dataset<readonly number[], 'class' | 'values'>;

type Needs = Pick<Spec, 'inputShape' | 'batchSize' | 'loss'> & {
  readonly outputShape: readonly number[];
  /** Of random data. Default: eight batches. */
  readonly samples?: number;
};

export async function loadData(source: Source, needs: Needs): Promise<LabelledDataset> {
  if (source === 'iris') return irisPair();
  if (source === 'sparse') return sparseSamples(needs);
  const dataset = source === 'fashion-mnist' ? await fashionImages(needs.inputShape) : randomSamples(needs);
  return dataset.take(dataset.length - (dataset.length % needs.batchSize));
}

/** The training images of Fashion-MNIST as float32 in 0 to 1. */
async function fashionImages(inputShape: readonly number[]): Promise<LabelledDataset> {
  const { train } = await fashionMnist();
  const size = sizeOf(inputShape);
  const inputs = new Float32Array(train.length * size);
  const labels = new Uint8Array(train.length);
  for (let place = 0; place < train.length; place++) {
    const { input, label } = train.at(place);
    inputs.set(input, place * size);
    labels[place] = label;
  }
  return fromArrays({ inputs, inputShape, labels, memory: 'borrow' });
}

/** Versicolor against virginica: 100 flowers, standardised, of which every fifth is left out. */
async function irisPair(): Promise<LabelledDataset> {
  const flowers = (await iris()).select(Array.from({ length: 100 }, (_, place) => 50 + place));
  const [standard] = standardize(flowers);
  const samples = Array.from({ length: 100 }, (_, place) => standard.at(place));
  const kept = samples.filter((_, place) => place % 5 !== 4);
  return fromArrays({
    inputs: kept.map(({ input }) => Array.from(input)),
    inputShape: [4],
    labels: kept.map(({ label }) => [label - 1]),
  });
}

const SEED = 1;
const BATCHES = 8;

/** Standard normal inputs; random classes, random answers of yes and no, or normal targets, as the loss asks for. */
function randomSamples({ inputShape, batchSize, samples, loss, outputShape }: Needs): LabelledDataset {
  const count = samples ?? BATCHES * batchSize;
  const inputs = normals(count * sizeOf(inputShape), 0);
  const outputs = sizeOf(outputShape);
  if (loss === 'softmaxCrossEntropy') {
    const labels = Int32Array.from(uniforms(count, 1), (value) => Math.floor(value * outputs));
    return fromArrays({ inputs, inputShape, labels });
  }
  const labels =
    loss === 'meanSquaredError'
      ? normals(count * outputs, 1)
      : Float32Array.from(uniforms(count * outputs, 1), Math.round);
  return fromArrays({ inputs, inputShape, labels, labelShape: outputShape });
}

/** Of a sparse sample. */
export const ENTRIES = 100;
const PLANTED_WEIGHTS = 1_000_000;

/** Samples of 100 features with normal values, features by a power law; yes and no by planted weights. */
function sparseSamples({ inputShape, batchSize, samples }: Needs): LabelledDataset {
  const [features = 0] = inputShape;
  const count = samples ?? BATCHES * batchSize;
  const indices = Uint32Array.from(uniforms(count * ENTRIES, 0), (u) => Math.floor(features * u ** 3));
  const values = normals(count * ENTRIES, 1).map((value) => value / 10);
  const weights = normals(PLANTED_WEIGHTS, 2);
  const labels = Float32Array.from({ length: count }, (_, sample) => {
    let sum = 0;
    for (let entry = sample * ENTRIES; entry < (sample + 1) * ENTRIES; entry++) {
      sum += (weights[(indices[entry] as number) % PLANTED_WEIGHTS] as number) * (values[entry] as number);
    }
    return Number(sum > 0);
  });
  const offsets = Uint32Array.from({ length: count + 1 }, (_, sample) => sample * ENTRIES);
  return fromSparse({ inputShape: [features], offsets, indices, values, labels, labelShape: [1] });
}

/** In [0, 1). */
export function uniforms(count: number, stream: number): Float64Array {
  const values = new Float64Array(count);
  for (let block = 0; 4 * block < count; block++) {
    for (const [lane, word] of philox4x32([block, 0, stream, 0], [SEED, 0]).entries()) {
      values[4 * block + lane] = word / 2 ** 32;
    }
  }
  return values;
}

/** Box and Muller's: two uniform numbers make two normal ones. */
export function normals(count: number, stream: number): Float32Array {
  const uniform = uniforms(count + (count % 2), stream);
  return Float32Array.from({ length: count }, (_, place) => {
    const pair = place - (place % 2);
    const radius = Math.sqrt(-2 * Math.log(1 - (uniform[pair] as number)));
    const angle = 2 * Math.PI * (uniform[pair + 1] as number);
    return radius * (place === pair ? Math.cos(angle) : Math.sin(angle));
  });
}
