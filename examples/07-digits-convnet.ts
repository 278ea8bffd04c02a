/**
 * Slide 7: a convolutional net on handwritten digits, saved, and loaded again by a new process that predicts the same
 * numbers. The same program learns Fashion-MNIST's 60,000 pictures of clothes.
 *
 *   npx tsx examples/07-digits-convnet.ts [--dataset digits | fashion-mnist] [--epochs n] [--save file] [--short] [--seed n]
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
  type Model,
  maxPool2d,
  sequential,
  stopOnSignal,
  Trainer,
} from 'gradloom';
import * as plot from 'gradloom/plot';
import { draw, isShort, reach, seed, slideSplit } from './support/system.ts';

const text = { type: 'string' } as const;
const { values: options } = parseArgs({
  strict: false,
  options: { dataset: text, epochs: text, save: text, predict: text },
});
const dataset = String(options.dataset ?? 'digits');
type Images = Dataset<[number, number, 1], 'class'>;

/** What to learn, for how long, and the accuracy to reach as the mean over models of `seeds` seeds. */
type Task = { train: Images; test: Images; epochs: number; goal: number; seeds: number };

async function loadTask(): Promise<Task> {
  if (dataset === 'digits') {
    const [train, test] = slideSplit(await digits(), 'digits');
    // One picture of 360 is 0.0028, which another seed or another processor's rounding can gain or lose.
    const effort = isShort ? { epochs: 3, goal: 0.95, seeds: 1 } : { epochs: 20, goal: 0.986, seeds: 5 };
    return { train, test, ...effort };
  }
  if (dataset !== 'fashion-mnist')
    throw new Error(`--dataset ${dataset}: known are digits and fashion-mnist`);
  const { train, test } = await fashionMnist();
  return isShort
    ? { train: train.take(6000), test, epochs: 1, goal: 0.75, seeds: 1 }
    : { train, test, epochs: 4, goal: 0.89, seeds: 1 };
}

const { train, test, epochs, goal, seeds } = await loadTask();
const relu = { activation: 'relu', weightInitializer: 'heUniform' } as const;

/** The first ten test pictures' outputs, bit for bit. */
async function fingerprint(model: Pick<Model<Images['inputShape']>, 'predict'>): Promise<string> {
  const { data } = await model.predict(test.take(10));
  return Buffer.from(data.buffer).toString('hex');
}

if (typeof options.predict === 'string') {
  process.stdout.write(await fingerprint(await loadModel(options.predict)));
  process.exit();
}

function build(seed: number): Model<Images['inputShape']> {
  return sequential({ inputShape: train.inputShape, seed }, [
    conv2d({ filters: 16, kernelSize: 3, ...relu }),
    conv2d({ filters: 32, kernelSize: 3, ...relu }),
    maxPool2d({ poolSize: 2 }),
    flatten(),
    dense({ units: 64, ...relu }),
    dense({ units: 10 }),
  ]);
}

function startTraining(model: Model<Images['inputShape']>, seed: number) {
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.02 }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy'],
    seed,
  });
  return trainer.fit(train, { epochs: Number(options.epochs ?? epochs), batchSize: 32, validation: test });
}

const model = build(seed);
console.log(model.summary());
const history = await stopOnSignal(startTraining(model, seed));
const { accuracy, confusionMatrix } = await model.evaluate(test, {
  metrics: ['accuracy', 'confusionMatrix'],
});
console.log(`test accuracy: ${accuracy.toFixed(4)}`);

const file = String(options.save ?? join(tmpdir(), `gradloom-${dataset}.safetensors`));
await model.save(file);
const again = [fileURLToPath(import.meta.url), ...process.argv.slice(2), `--predict=${file}`];
const there = execFileSync(process.execPath, ['--import=tsx', ...again], { encoding: 'utf8' });
if (there !== (await fingerprint(model))) throw new Error('the loaded model predicts other numbers');
console.log(`saved to ${file}; a new process loads it and predicts the same numbers`);

const { classNames } = test;
await draw(`07-${dataset}`, plot.history(history, { title: `A convolutional net on ${dataset}` }));
await draw(`07-${dataset}-confusion`, plot.confusionMatrix(confusionMatrix, { classNames }));
await draw(`07-${dataset}-filters`, plot.filters(model.getWeights()['conv2d_1.weight']));

let isWhole = options.epochs === undefined && history.reason === 'completed';
let sum = accuracy;
for (let next = seed + 1; isWhole && next < seed + seeds; next++) {
  const another = build(next);
  isWhole = (await stopOnSignal(startTraining(another, next))).reason === 'completed';
  sum += (await another.evaluate(test, { metrics: ['accuracy'] })).accuracy;
}
if (isWhole) {
  const mean = sum / seeds;
  const what = seeds === 1 ? '' : `, mean of ${seeds} seeds`;
  reach(`${dataset}, test accuracy${what}`, mean, `at least ${goal}`, mean >= goal);
}
