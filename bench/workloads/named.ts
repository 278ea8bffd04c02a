/** The named workloads, as the peers' scripts have them. */
import { adagrad } from '../../lib/optimizers/index.ts';
import type { Source } from './data.ts';
import { DLRM } from './dlrm.ts';
import type { LayerRecord, Spec } from './spec.ts';
import type { SequentialWorkload, Workload } from './workload.ts';

const RANDOM_SAMPLES = 1024;

const ADAGRAD = adagrad({ learningRate: 0.01 });

const relu = { activation: 'relu' };
const dense = (units: number, rest: object = {}): LayerRecord => ({ kind: 'dense', units, ...rest });
const conv = (filters: number, kernelSize = 3, padding = 'same'): LayerRecord => {
  return { kind: 'conv2d', filters, kernelSize, padding, ...relu };
};
const pool: LayerRecord = { kind: 'maxPool2d', poolSize: 2 };
const flatten: LayerRecord = { kind: 'flatten' };

function classifier(
  name: string,
  source: Source,
  net: Pick<Spec, 'inputShape' | 'batchSize' | 'layers'>,
): SequentialWorkload {
  const loss = 'softmaxCrossEntropy';
  return { name, source, samples: RANDOM_SAMPLES, loss, optimizer: ADAGRAD, ...net };
}

function cifarCnn(batchSize: number): SequentialWorkload {
  return classifier(`cifar-cnn-b${batchSize}`, 'random', {
    inputShape: [32, 32, 3],
    batchSize,
    layers: [conv(32), pool, conv(64), pool, flatten, dense(10)],
  });
}

/** With AdaGrad's accumulators a table takes 8 bytes a feature. */
function sparseLogreg(name: string, features: number, optimizer = ADAGRAD): SequentialWorkload {
  return {
    name,
    source: 'sparse',
    inputShape: [features],
    batchSize: 256,
    samples: 64 * 256,
    layers: [{ kind: 'sparseDense', units: 1, weightInitializer: 'zeros' }],
    loss: 'sigmoidBinaryCrossEntropy',
    optimizer,
  };
}

export const SEQUENTIAL_WORKLOADS: readonly SequentialWorkload[] = [
  classifier('mlp', 'fashion-mnist', {
    inputShape: [784],
    batchSize: 128,
    layers: [dense(512, relu), dense(256, relu), dense(10)],
  }),
  classifier('mlp-small', 'fashion-mnist', {
    inputShape: [784],
    batchSize: 32,
    layers: [dense(128, relu), dense(10)],
  }),
  {
    name: 'iris',
    source: 'iris',
    inputShape: [4],
    batchSize: 80,
    layers: [dense(5, { activation: 'tanh' }), dense(1)],
    loss: 'sigmoidBinaryCrossEntropy',
    optimizer: ADAGRAD,
  },
  classifier('digits-cnn', 'random', {
    inputShape: [8, 8, 1],
    batchSize: 32,
    layers: [conv(16), flatten, dense(10)],
  }),
  classifier('lenet', 'fashion-mnist', {
    inputShape: [28, 28, 1],
    batchSize: 64,
    layers: [
      conv(6, 5),
      pool,
      conv(16, 5, 'valid'),
      pool,
      flatten,
      dense(120, relu),
      dense(84, relu),
      dense(10),
    ],
  }),
  cifarCnn(32),
  cifarCnn(128),
  classifier('vgg-small', 'random', {
    inputShape: [32, 32, 3],
    batchSize: 64,
    layers: [
      ...[64, 128, 256].flatMap((filters) => [conv(filters), conv(filters), pool]),
      flatten,
      dense(10),
    ],
  }),
  sparseLogreg('sparse-logreg', 1_000_000),
  ...(['sequential', 'hogwild'] as const).map((duplicates) =>
    sparseLogreg(`sparse-logreg-${duplicates}`, 1_000_000, adagrad({ learningRate: 0.01, duplicates })),
  ),
  sparseLogreg('sparse-logreg-100m', 100_000_000),
  sparseLogreg('sparse-logreg-1g', 1_000_000_000),
];

export const WORKLOADS: readonly Workload[] = [...SEQUENTIAL_WORKLOADS, DLRM];
