/** What the proofs train: small enough to start at once, long enough to be interrupted. */
import { createHash } from 'node:crypto';
import {
  adagrad,
  batchNorm,
  conv2d,
  type Dataset,
  dense,
  digits,
  dropout,
  embeddingBag,
  flatten,
  fromSparse,
  fromStream,
  type Model,
  type Shape,
  type StreamSample,
  sequential,
  Trainer,
} from '../../lib/index.ts';

export const NETS = ['dense', 'conv', 'sparse'] as const;
/** The samples of the dense net as they come, in three parts. */
export const STREAMED = 'streamed';
export type NetName = (typeof NETS)[number] | typeof STREAMED;

export async function makeNet(name: NetName, seed: number, threads = 1) {
  const { train, model } = await parts(name, seed);
  const optimizer = adagrad({ learningRate: 0.02 });
  const options = { optimizer, loss: 'softmaxCrossEntropy', metrics: ['accuracy'], seed, threads } as const;
  const data = name === STREAMED ? streamOf(train as Dataset<Shape, 'class'>) : train;
  return { train: data as Dataset<Shape, 'class'>, trainer: new Trainer(model as Model, options) };
}

async function parts(name: NetName, seed: number) {
  if (name === 'sparse') {
    return {
      train: clicks(),
      model: sequential({ inputShape: [2000], seed }, [
        embeddingBag({ units: 64 }),
        dense({ units: 512, activation: 'relu' }),
        dropout({ rate: 0.3 }),
        dense({ units: 10 }),
      ]),
    };
  }
  const train = await digits();
  const hidden =
    name === 'dense' || name === STREAMED
      ? [flatten(), dense({ units: 1024, activation: 'relu' }), dense({ units: 256, activation: 'tanh' })]
      : [
          conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }),
          batchNorm(),
          conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }),
          flatten(),
        ];
  const model = sequential({ inputShape: [8, 8, 1], seed }, [
    ...hidden,
    dropout({ rate: 0.3 }),
    dense({ units: 10 }),
  ]);
  return { train, model };
}

function streamOf(set: Dataset<Shape, 'class'>) {
  function* samples() {
    for (let place = 0; place < set.length; place++) yield set.at(place) as StreamSample;
  }
  return fromStream(samples(), { inputShape: [8, 8, 1], samplesPerEpoch: 600 });
}

/** Lists of up to twelve of 2,000 features. */
function clicks() {
  const count = 1500;
  const lists = Array.from({ length: count }, (_, row) =>
    Array.from({ length: 1 + (row % 12) }, (_, place) => (row * 37 + place * place * 101) % 2000),
  );
  const offsets = [0];
  for (const list of lists) offsets.push((offsets.at(-1) ?? 0) + list.length);
  const labels = Array.from({ length: count }, (_, row) => (row * 7) % 10);
  return fromSparse({ inputShape: [2000], offsets, indices: lists.flat(), labels });
}

/** SHA-256 of all weights. */
export function hashOf(model: Model): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of Object.entries(model.getWeights())) hash.update(name).update(data);
  return hash.digest('hex');
}
