/**
 * Slide 7 made real: a convolutional net trained on handwritten digits (or Fashion-MNIST) with AdaGrad, saved, and loaded
 * again by a new process, which predicts the same numbers.
 *
 *   npx tsx examples/digits.ts [--dataset digits | fashion-mnist] [--epochs n] [--save file] [--short]
 */
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  adagrad,
  conv2d,
  type Dataset,
  dense,
  digits,
  fashionMnist,
  flatten,
  loadModel,
  maxPool2d,
  sequential,
  stopOnSignal,
  Trainer,
} from '../lib/index.ts';

const { values: options } = parseArgs({
  options: {
    dataset: { type: 'string', default: 'digits' },
    epochs: { type: 'string' },
    save: { type: 'string' },
    short: { type: 'boolean', default: false },
    predict: { type: 'string' },
  },
});

interface Task {
  readonly train: Dataset<[number, number, 1], 'class'>;
  readonly test: Dataset<[number, number, 1], 'class'>;
  readonly epochs: number;
}

async function loadTask(name: string): Promise<Task> {
  if (name === 'digits') {
    const [train, test] = (await digits()).split({ fraction: 0.8, seed: 42, stratify: 'labels' });
    return { train, test, epochs: 20 };
  }
  if (name === 'fashion-mnist') {
    const { train, test } = await fashionMnist();
    return { train: options.short ? train.take(6000) : train, test, epochs: 4 };
  }
  throw new Error(`--dataset ${name}: known are digits and fashion-mnist`);
}

/** The first ten test pictures, as a process that knows only the file sees them. */
async function predictFromFile(file: string, test: Task['test']): Promise<string> {
  const model = await loadModel(file);
  const { data } = await model.predict(test.take(10));
  return Buffer.from(data.buffer).toString('hex');
}

const { train, test, epochs } = await loadTask(options.dataset);

if (options.predict !== undefined) {
  process.stdout.write(await predictFromFile(options.predict, test));
} else {
  const model = sequential({ inputShape: train.inputShape, seed: 7 }, [
    conv2d({ filters: 16, kernelSize: 3, activation: 'relu' }),
    conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }),
    maxPool2d({ poolSize: 2 }),
    flatten(),
    dense({ units: 64, activation: 'relu' }),
    dense({ units: 10 }),
  ]);
  console.log(model.summary());

  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.02 }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy'],
    seed: 7,
  });
  const run = trainer.fit(train, {
    epochs: Number(options.epochs ?? (options.short ? 1 : epochs)),
    batchSize: 32,
    validation: test,
  });
  stopOnSignal(run);
  const history = await run;
  const last = history.epochs.at(-1);
  if (last === undefined) throw new Error('stopped before the first epoch was done');
  console.log(
    `loss ${last.loss.toFixed(4)}, ${Math.round(last.samplesPerSecond).toLocaleString('en-US')} samples/s`,
  );
  console.log(`test accuracy: ${last.validation.accuracy.toFixed(4)}`);

  const file = options.save ?? join(tmpdir(), `gradloom-${options.dataset}.safetensors`);
  await model.save(file);
  console.log(`saved to ${file}`);

  const { data } = await model.predict(test.take(10));
  const here = Buffer.from(data.buffer).toString('hex');
  const there = execFileSync(
    process.execPath,
    ['--import=tsx', fileURLToPath(import.meta.url), '--dataset', options.dataset, '--predict', file],
    { encoding: 'utf8' },
  );
  if (there !== here) throw new Error('the loaded model predicts other numbers');
  const { labels } = await model.classify(test.take(10));
  console.log(`a new process loads it and predicts the same numbers: ${[...labels].join(' ')}`);
}
