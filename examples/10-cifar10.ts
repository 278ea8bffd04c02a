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

const settings = {
  kernelSize: 3,
  padding: 'same',
  activation: 'relu',
  weightInitializer: 'heUniform',
} as const;

/** Trains on the first pictures and gives the accuracy on 2,000 others. */
async function learn(count: number, epochs: number, { train: all, test: others }: NonNullable<typeof data>) {
  const [train, test] = standardize(all.take(count), others.take(2000));
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
    optimizer: adagrad({ learningRate: 0.01 }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy'],
    seed,
  });
  const history = await trainer.fit(train, { epochs, batchSize: 32, validation: test });
  const { accuracy, confusionMatrix } = await model.evaluate(test, {
    metrics: ['accuracy', 'confusionMatrix'],
  });
  return { accuracy, confusionMatrix, history, model, classNames: test.classNames };
}

if (data !== undefined) {
  const few = await learn(1000, 5, data);
  reach('1,000 pictures, 5 epochs: test accuracy', few.accuracy, 'about 0.39', few.accuracy >= 0.36);
  if (!isShort) {
    const many = await learn(Math.min(10_000, data.train.length), 7, data);
    reach('10,000 pictures, 7 epochs: test accuracy', many.accuracy, 'about 0.585', many.accuracy >= 0.565);
    await draw('10-cifar10', plot.history(many.history, { title: 'CIFAR-10, 10,000 pictures' }));
    await draw(
      '10-cifar10-confusion',
      plot.confusionMatrix(many.confusionMatrix, { classNames: many.classNames }),
    );
    await draw('10-cifar10-filters', plot.filters(many.model.getWeights()['conv2d_1.weight']));
  }
}
