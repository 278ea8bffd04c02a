/** The nets and sets that the programs beside this file train: small enough to start at once, long enough to be interrupted. */
import { adagrad, conv2d, dense, digits, flatten, iris, sequential, Trainer } from '../../../lib/index.ts';

export async function digitsTrainer({ threads = 2, seed = 1 } = {}) {
  const train = await digits();
  const model = sequential({ inputShape: [8, 8, 1], seed }, [
    conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
    flatten(),
    dense({ units: 10 }),
  ]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.02 }),
    loss: 'softmaxCrossEntropy',
    seed,
    threads,
  });
  return { model, trainer, train };
}

export async function irisTrainer({ threads = 1, seed = 1 } = {}) {
  const train = await iris();
  const model = sequential({ inputShape: [4], seed }, [
    dense({ units: 8, activation: 'tanh' }),
    dense({ units: 3 }),
  ]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', seed, threads });
  return { model, trainer, train };
}
