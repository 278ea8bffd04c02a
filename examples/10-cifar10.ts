/**
 * Slide 10: a small convolutional net on CIFAR-10's colour pictures: the slide's net, with "same" padding, real max pooling
 * and real gradients.
 *
 * The files are not part of this package. Get cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html,
 * unpack it, and name the folder:
 *
 *   CIFAR10_DIR=cifar-10-batches-bin npx tsx examples/10-cifar10.ts [--short] [--seed n]
 */
import {
  adagrad,
  cifar10,
  conv2d,
  dense,
  flatten,
  GradloomError,
  maxPool2d,
  polynomialDecay,
  sequential,
  standardize,
  Trainer,
} from 'gradloom';
import * as plot from 'gradloom/plot';
import { draw, isShort, reach, seed } from './support/system.ts';

const data = await cifar10().catch((error: unknown) => {
  if (!(error instanceof GradloomError) || error.code !== 'NOT_INSTALLED') throw error;
  console.log(`skipped: ${error.message}`);
  return undefined;
});

const BATCH_SIZE = 32;
const settings = {
  kernelSize: 3,
  padding: 'same',
  activation: 'relu',
  weightInitializer: 'heUniform',
} as const;

/** Trains on the first pictures and gives the accuracy on 2,000 others. */
async function learn(
  { train: all, test: others }: NonNullable<typeof data>,
  { count, epochs, seed }: { readonly count: number; readonly epochs: number; readonly seed: number },
) {
  const [train, test] = standardize(all.take(count), others.take(2000));
  const steps = epochs * Math.ceil(count / BATCH_SIZE);
  const model = sequential({ inputShape: [32, 32, 3], seed }, [
    conv2d({ filters: 32, ...settings }),
    maxPool2d({ poolSize: 2 }),
    conv2d({ filters: 64, ...settings }),
    maxPool2d({ poolSize: 2 }),
    flatten(),
    // From 0, since AdaGrad's first steps are of full size: 4,096 inputs together would move the scores far.
    dense({ units: 10, weightInitializer: 'zeros' }),
  ]);
  const trainer = new Trainer(model, {
    // Smaller steps at the end: else the last batches decide which classes the net prefers.
    optimizer: adagrad({ learningRate: polynomialDecay({ from: 0.01, to: 0.003, steps }) }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy'],
    seed,
  });
  const history = await trainer.fit(train, { epochs, batchSize: BATCH_SIZE, validation: test });
  const { accuracy, confusionMatrix } = await model.evaluate(test, {
    metrics: ['accuracy', 'confusionMatrix'],
  });
  return { accuracy, confusionMatrix, history, model, classNames: test.classNames };
}

/** Accuracies of single runs differ by some hundredths. */
const RUNS = isShort ? 1 : 3;

async function learnOften(given: NonNullable<typeof data>, count: number, epochs: number) {
  const first = await learn(given, { count, epochs, seed });
  const accuracies = [first.accuracy];
  for (let run = 1; run < RUNS; run++)
    accuracies.push((await learn(given, { count, epochs, seed: seed + run })).accuracy);
  console.log(`${count} pictures: accuracies ${accuracies.map((each) => each.toFixed(4)).join(' ')}`);
  return { first, mean: accuracies.reduce((sum, each) => sum + each, 0) / RUNS };
}

if (data !== undefined) {
  const what = (pictures: string, epochs: number) =>
    `${pictures} pictures, ${epochs} epochs: test accuracy${RUNS > 1 ? `, mean of ${RUNS} runs` : ''}`;
  const few = await learnOften(data, 1000, 5);
  reach(what('1,000', 5), few.mean, 'about 0.39', few.mean >= 0.36);
  if (!isShort) {
    const { first, mean } = await learnOften(data, Math.min(10_000, data.train.length), 7);
    reach(what('10,000', 7), mean, 'about 0.585', mean >= 0.565);
    const { history, confusionMatrix, classNames, model } = first;
    await draw('10-cifar10', plot.history(history, { title: 'CIFAR-10, 10,000 pictures' }));
    await draw('10-cifar10-confusion', plot.confusionMatrix(confusionMatrix, { classNames }));
    await draw('10-cifar10-filters', plot.filters(model.getWeights()['conv2d_1.weight']));
  }
}
