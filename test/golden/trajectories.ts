/** Thirty steps of a whole model, through the public interface. */

import type { Dataset } from '../../lib/datasets/dataset.ts';
import { fromArrays, fromSparse } from '../../lib/datasets/index.ts';
import { conv2d, dense, embeddingBag, flatten, maxPool2d } from '../../lib/layers/index.ts';
import { type Model, sequential } from '../../lib/models/index.ts';
import { adagrad } from '../../lib/optimizers/index.ts';
import { Trainer } from '../../lib/trainers/index.ts';
import { floatsOf, type GoldenCase, type GoldenTensor, integersOf } from './fixtures.ts';
import { reorderColumns } from './layout.ts';
import { OPTIMIZERS } from './optimizers.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

interface Scene {
  readonly model: () => Model;
  readonly samples: (golden: GoldenCase) => Dataset<readonly number[], 'class'>;
  /** The recorded batches, `[steps, batch]` rows of the samples. */
  readonly batches: (golden: GoldenCase) => GoldenTensor;
  /** The fixture's name of each weight. */
  readonly weights: Readonly<Record<string, string>>;
  /** A weight's columns in Gradloom's order, where that is not the fixture's: our column `k` is theirs `columns[k]`. */
  readonly columns: Readonly<Record<string, readonly number[]>>;
}

const SCENES: Readonly<Record<string, Scene>> = {
  iris_mlp: {
    model: () =>
      sequential({ inputShape: [4] }, [dense({ units: 16, activation: 'tanh' }), dense({ units: 3 })]),
    samples: (golden) =>
      fromArrays({
        inputs: floatsOf(golden.shared('iris_mlp/x')),
        inputShape: [4],
        labels: integersOf(golden.shared('iris_mlp/target')),
      }),
    batches: (golden) => golden.shared('iris_mlp/batches'),
    weights: {
      'dense_1.weight': 'w1',
      'dense_1.bias': 'b1',
      'dense_2.weight': 'w2',
      'dense_2.bias': 'b2',
    },
    columns: {},
  },
  digits_cnn: {
    model: () =>
      sequential({ inputShape: [8, 8, 1] }, [
        conv2d({ filters: 8, kernelSize: 3, padding: 1, activation: 'relu' }),
        maxPool2d(),
        conv2d({ filters: 16, kernelSize: 3, padding: 1, activation: 'relu' }),
        maxPool2d(),
        flatten(),
        dense({ units: 10 }),
      ]),
    // One channel: first and last are the same.
    samples: (golden) =>
      fromArrays({
        inputs: Uint8Array.from(integersOf(golden.shared('digits_cnn/x_u4'))),
        inputShape: [8, 8, 1],
        labels: integersOf(golden.shared('digits_cnn/target')),
        scale: 1 / 16,
      }),
    // The fixture holds the samples of every step, one after another.
    batches: (golden) => {
      const { shape } = golden.shared('digits_cnn/target');
      const [steps = 0, size = 0] = shape;
      return { shape, data: Int32Array.from({ length: steps * size }, (_, row) => row) };
    },
    weights: {
      'conv2d_1.weight': 'conv1.w',
      'conv2d_1.bias': 'conv1.b',
      'conv2d_2.weight': 'conv2.w',
      'conv2d_2.bias': 'conv2.b',
      'dense_1.weight': 'fc.w',
      'dense_1.bias': 'fc.b',
    },
    columns: { 'dense_1.weight': flattenedColumns(2, 2, 16) },
  },
};

/** Bags of words, and another rate for their table than for what reads it. */
async function compareTextBag(golden: GoldenCase): Promise<Comparison[] | undefined> {
  const [table, rest] = golden.attrs.optimizers as readonly OptimizerRecord[];
  if (table?.kind !== 'Adagrad' || rest?.kind !== 'Adagrad') return undefined;
  const { lr: rate } = table.args as { readonly lr: number };
  const { lr: ownRate } = rest.args as { readonly lr: number };
  const offsets = golden.shared('text_bag/offsets');
  const [steps = 0, bounds = 0] = offsets.shape;
  const [, length = 0] = golden.shared('text_bag/indices').shape;
  const indices = integersOf(golden.shared('text_bag/indices'));
  const size = bounds - 1;
  const emb = golden.shared('text_bag/init.emb');
  const [features = 0, units = 0] = emb.shape;
  const samples = fromSparse({
    inputShape: [features],
    samples: Array.from({ length: steps * size }, (_, sample) => {
      const [step, bag] = [Math.floor(sample / size), sample % size];
      const bound = (at: number) => step * length + (offsets.data[step * bounds + at] as number);
      return indices.subarray(bound(bag), bound(bag + 1));
    }),
    labels: floatsOf(golden.shared('text_bag/target')),
    labelShape: [1],
  });
  const scene: Pick<Scene, 'weights' | 'columns'> = {
    weights: { 'embeddingBag_1.weight': 'emb', 'dense_1.weight': 'fc.w', 'dense_1.bias': 'fc.b' },
    columns: {},
  };
  const model = sequential({ inputShape: [features] }, [embeddingBag({ units }), dense({ units: 1 })]);
  model.setWeights(
    Object.fromEntries(
      Object.entries(scene.weights).map(([name, theirs]) => {
        const tensor = golden.shared(`text_bag/init.${theirs}`);
        return [name, { data: floatsOf(tensor), shape: tensor.shape }];
      }),
    ),
  );
  const trainer = new Trainer(model, {
    optimizer: adagrad({
      learningRate: ownRate,
      groups: [{ parameters: 'embeddingBag_1.weight', learningRateMultiplier: rate / ownRate }],
    }),
    loss: 'sigmoidBinaryCrossEntropy',
  });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = samples.select(Array.from({ length: size }, (_, bag) => step * size + bag));
    const { epochs } = await trainer.fit(batch, { batchSize: size, shuffle: 'never', progress: 'none' });
    losses.push(...epochs.map(({ loss }) => loss));
  }
  return [
    {
      tensor: 'ref.loss',
      got: losses,
      ref: golden.tensor('ref.loss').data,
      tolerance: TOLERANCES.trajectoryLoss,
    },
    ...compareWeights(scene, golden, model),
  ];
}

/** Where the values of a flattened `[height, width, channels]` stand when channels are first. */
function flattenedColumns(height: number, width: number, channels: number): number[] {
  const pixels = height * width;
  return Array.from({ length: pixels * channels }, (_, column) => {
    const channel = column % channels;
    return channel * pixels + (column - channel) / channels;
  });
}

interface OptimizerRecord {
  readonly kind: string;
  readonly args: GoldenCase['attrs'];
}

export async function compareTrajectory(golden: GoldenCase): Promise<Comparison[] | undefined> {
  const [scenePrefix = ''] = golden.name.split('/');
  if (scenePrefix === 'text_bag') return await compareTextBag(golden);
  const scene = SCENES[scenePrefix];
  const [record, ...others] = golden.attrs.optimizers as readonly OptimizerRecord[];
  const makeOptimizer = OPTIMIZERS[record?.kind ?? ''];
  if (scene === undefined || record === undefined || makeOptimizer === undefined || others.length > 0) {
    return undefined;
  }
  const model = scene.model();
  const initial = Object.entries(scene.weights).map(([name, theirs]) => {
    const tensor = golden.shared(`${scenePrefix}/init.${theirs}`);
    return [name, { data: toOurs(scene, name, floatsOf(tensor)), shape: tensor.shape }] as const;
  });
  model.setWeights(Object.fromEntries(initial));
  const trainer = new Trainer(model, {
    optimizer: makeOptimizer(record.args),
    loss: 'softmaxCrossEntropy',
  });
  const losses = await trainByStep(trainer, scene.samples(golden), scene.batches(golden));
  return [
    {
      tensor: 'ref.loss',
      got: losses,
      ref: golden.tensor('ref.loss').data,
      tolerance: TOLERANCES.trajectoryLoss,
    },
    ...compareWeights(scene, golden, model),
  ];
}

/** The loss of each batch before its update: that of an epoch which is this one batch. */
async function trainByStep(
  trainer: Trainer<readonly number[], 'softmaxCrossEntropy'>,
  samples: Dataset<readonly number[], 'class'>,
  { shape, data }: GoldenTensor,
): Promise<number[]> {
  const [steps = 0, batchSize = 0] = shape;
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = samples.select(Array.from(data.subarray(step * batchSize, (step + 1) * batchSize)));
    const { epochs } = await trainer.fit(batch, { batchSize, shuffle: 'never', progress: 'none' });
    losses.push(...epochs.map(({ loss }) => loss));
  }
  return losses;
}

function compareWeights(
  scene: Pick<Scene, 'weights' | 'columns'>,
  golden: GoldenCase,
  model: Model,
): Comparison[] {
  const trained = model.getWeights();
  return Object.entries(scene.weights).map(([name, theirs]) => {
    const tensor = `ref.final.${theirs}`;
    return {
      tensor,
      got: trained[name]?.data ?? [],
      ref: toOurs(scene, name, floatsOf(golden.tensor(tensor))),
      tolerance: TOLERANCES.trajectoryWeights,
    };
  });
}

function toOurs(scene: Pick<Scene, 'columns'>, name: string, data: Float32Array): Float32Array {
  const columns = scene.columns[name];
  return columns === undefined ? data : reorderColumns(data, columns);
}
