/** The nets and sets that the programs beside this file train: small enough to start at once, long enough to be interrupted. */
import {
  adagrad,
  conv2d,
  customLoss,
  dense,
  digits,
  flatten,
  iris,
  type LossChoice,
  sequential,
  Trainer,
} from '../../../lib/index.ts';

export async function digitsTrainer<Loss extends LossChoice = 'softmaxCrossEntropy'>({
  threads = 2,
  seed = 1,
  loss = 'softmaxCrossEntropy' as Loss,
} = {}) {
  const train = await digits();
  const model = sequential({ inputShape: [8, 8, 1], seed }, [
    conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }),
    flatten(),
    dense({ units: 10 }),
  ]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.02 }),
    loss,
    seed,
    threads,
  });
  return { model, trainer, train };
}

/** Cross-entropy as a custom loss: `onCall` runs at each. */
export function ownCrossEntropy(onCall: (call: number) => void = () => {}) {
  let calls = 0;
  return customLoss({
    name: 'ownCrossEntropy',
    labels: 'class',
    outputs: 'classLogits',
    loss: (outputs, targets, { batchSize, outputSize }) => {
      onCall(++calls);
      const gradient = new Float64Array(outputs.length);
      let value = 0;
      for (let row = 0; row < batchSize; row++) {
        const at = row * outputSize;
        const sum = outputs.subarray(at, at + outputSize).reduce((total, z) => total + Math.exp(z), 0);
        const target = at + (targets[row] as number);
        value += (Math.log(sum) - (outputs[target] as number)) / batchSize;
        for (let i = at; i < at + outputSize; i++) {
          gradient[i] = (Math.exp(outputs[i] as number) / sum - (i === target ? 1 : 0)) / batchSize;
        }
      }
      return { value, gradient };
    },
  });
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

/** Whose single predictions are worth two threads. */
export function wideModel() {
  return sequential({ inputShape: [784], seed: 1 }, [
    dense({ units: 512 }),
    dense({ units: 512 }),
    dense({ units: 10 }),
  ]);
}
