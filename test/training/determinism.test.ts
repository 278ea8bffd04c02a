/** Promise 5 of reliability, short form: the same seed gives the same bits for any number of threads. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  adagrad,
  batchNorm,
  conv2d,
  type Dataset,
  dense,
  digits,
  dropout,
  flatten,
  type Layer,
  layerNorm,
  type Model,
  maxPool2d,
  sequential,
  sgd,
  Trainer,
} from '../../lib/index.ts';

const NETS: Record<string, () => readonly Layer[]> = {
  dense: () => [
    flatten(),
    dense({ units: 300, activation: 'relu' }),
    dropout({ rate: 0.3 }),
    dense({ units: 10 }),
  ],
  norm: () => [
    conv2d({ filters: 24, kernelSize: 3, padding: 'same', bias: false }),
    batchNorm(),
    conv2d({ filters: 20, kernelSize: 3, activation: 'relu', trainable: false }),
    batchNorm({ shift: false }),
    flatten(),
    layerNorm(),
    dense({ units: 10 }),
  ],
  conv: () => [
    conv2d({ filters: 24, kernelSize: 3, padding: 'same', activation: 'relu' }),
    maxPool2d(),
    dropout({ rate: 0.2 }),
    conv2d({ filters: 40, kernelSize: 3, activation: 'tanh' }),
    flatten(),
    dense({ units: 10 }),
  ],
};
const OPTIMIZERS = {
  adagrad: () => adagrad({ learningRate: 0.02, learningRateDecay: 0.01 }),
  sgd: () => sgd({ learningRate: 0.05, momentum: 0.9 }),
};

/** 50 steps of 33 samples and one of the rest, over two epochs. */
const BATCH = 33;

function hash(model: Model): string {
  const sha = createHash('sha256');
  for (const { data } of Object.values(model.getWeights())) sha.update(data);
  return sha.digest('hex');
}

function makeTrainer(net: string, optimizer: keyof typeof OPTIMIZERS, threads: number) {
  const layers = (NETS[net] as () => readonly Layer[])();
  return new Trainer(sequential({ inputShape: [8, 8, 1], seed: 3 }, layers), {
    optimizer: OPTIMIZERS[optimizer](),
    loss: 'softmaxCrossEntropy',
    seed: 5,
    threads,
  });
}

const samples = async (): Promise<Dataset<[8, 8, 1], 'class'>> => (await digits()).take(BATCH * 25 + 7);

for (const net of Object.keys(NETS)) {
  for (const optimizer of Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[]) {
    test.serial(`${net} net with ${optimizer}: equal bits at 1, 2, 3 and 8 threads`, async (t) => {
      const train = await samples();
      const hashes = new Set<string>();
      for (const threads of [1, 2, 3, 8, 2]) {
        const trainer = makeTrainer(net, optimizer, threads);
        await trainer.fit(train, { epochs: 2, batchSize: BATCH });
        hashes.add(hash(trainer.model));
      }
      t.is(hashes.size, 1);
    });

    test.serial(`${net} net with ${optimizer}: equal bits through save, load, continue`, async (t) => {
      const train = await samples();
      const straight = makeTrainer(net, optimizer, 2);
      await straight.fit(train, { epochs: 3, batchSize: BATCH });

      const folder = await mkdtemp(join(tmpdir(), 'gradloom-'));
      try {
        const first = makeTrainer(net, optimizer, 2);
        await first.fit(train, { epochs: 1, batchSize: BATCH });
        await first.save(join(folder, 'checkpoint.safetensors'));
        const second = await Trainer.load(join(folder, 'checkpoint.safetensors'), { threads: 1 });
        t.is(hash(second.model), hash(first.model));
        await second.fit(train, { epochs: 2, batchSize: BATCH });
        t.is(hash(second.model), hash(straight.model));
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }
}
