/**
 * Slide 4: a small net on Fisher's iris flowers. First the slide's own task, two classes with one hidden layer of five,
 * every epoch one step over all flowers; then all three classes.
 *
 *   npx tsx examples/04-iris.ts [--short] [--seed n]
 */
import { adagrad, dense, iris, sequential, standardize, Trainer } from 'gradloom';
import * as plot from 'gradloom/plot';
import { draw, isShort, reach, seed, slideSplit } from './support/system.ts';

const flowers = await iris();

// The slide printed 0.50 because of a comparison that broadcast a column against a row; the net itself tells all apart.
const two = slideSplit(
  flowers.filter(({ label }) => label < 2),
  'iris2',
);
const [train2, test2] = standardize(...two);
let perfect = 0;
const seeds = isShort ? 2 : 5;
for (let i = 0; i < seeds; i++) {
  const model = sequential({ inputShape: [4], seed: seed + i }, [
    // The slide's start: normal values of variance 1 / inputs.
    dense({ units: 5, activation: 'tanh', weightInitializer: 'lecunNormal' }),
    dense({ units: 1, weightInitializer: 'lecunNormal' }),
  ]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.01 }),
    loss: 'sigmoidBinaryCrossEntropy',
    metrics: ['binaryAccuracy'],
  });
  await trainer.fit(train2, { epochs: 1000, batchSize: train2.length });
  const [train, test] = [await trainer.evaluate(train2), await trainer.evaluate(test2)];
  console.log(
    `seed ${seed + i}: accuracy ${train.binaryAccuracy} / ${test.binaryAccuracy}, loss ${test.loss.toFixed(4)}`,
  );
  if (train.binaryAccuracy === 1 && test.binaryAccuracy === 1) perfect++;
}
reach(
  'two classes, accuracy 1 on train and test',
  `${perfect} of ${seeds} seeds`,
  'all seeds',
  perfect === seeds,
);

const [train3, test3] = standardize(...slideSplit(flowers, 'iris3'));
const model = sequential({ inputShape: [4], seed }, [
  dense({ units: 16, activation: 'tanh' }),
  dense({ units: 3 }),
]);
const trainer = new Trainer(model, {
  optimizer: adagrad({ learningRate: 0.1 }),
  loss: 'softmaxCrossEntropy',
  metrics: ['accuracy'],
  seed,
});
const history = await trainer.fit(train3, { epochs: 200, batchSize: 16, validation: test3 });
const train = await trainer.evaluate(train3);
const test = await trainer.evaluate(test3);
reach('three classes, training accuracy', train.accuracy, 'at least 0.975', train.accuracy >= 0.975);
reach('three classes, test accuracy', test.accuracy, 'at least 0.933', test.accuracy >= 0.933);

await draw('04-iris', plot.history(history, { title: 'Iris, three classes, AdaGrad', lossScale: 'log' }));
const { confusionMatrix } = await model.evaluate(test3, { metrics: ['confusionMatrix'] });
await draw('04-iris-confusion', plot.confusionMatrix(confusionMatrix, { classNames: test3.classNames }));
