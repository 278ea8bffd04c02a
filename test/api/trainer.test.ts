import test from 'ava';
import {
  accuracy,
  adagrad,
  binaryAccuracy,
  dense,
  flatten,
  fromArrays,
  iris,
  relu,
  sequential,
  sgd,
  sigmoid,
  softmax,
  softmaxCrossEntropy,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { checkError, testErrors, type WrongUse, wrongly } from './errors.ts';

const [train, validation] = standardize(
  ...(await iris()).split({ fraction: 0.8, seed: 1, stratify: 'labels' }),
);
const optimizer = adagrad({ learningRate: 0.1 });

function irisNet(seed = 1) {
  return sequential({ inputShape: [4], seed }, [
    dense({ units: 8, activation: 'tanh' }),
    dense({ units: 3 }),
  ]);
}

function irisTrainer(seed?: number) {
  return new Trainer(irisNet(seed), { optimizer, loss: 'softmaxCrossEntropy', metrics: ['accuracy'] });
}

test('a run resolves with the history of its epochs', async (t) => {
  const trainer = irisTrainer();
  const history = await trainer.fit(train, { epochs: 30, batchSize: 16, validation });
  t.is(history.reason, 'completed');
  t.deepEqual(
    history.epochs.map(({ epoch, steps }) => [epoch, steps]),
    Array.from({ length: 30 }, (_, index) => [index + 1, (index + 1) * 8]),
  );
  const [first, last] = [history.epochs[0], history.epochs.at(-1)];
  t.true(first !== undefined && last !== undefined && last.loss < first.loss / 2);
  t.true(last !== undefined && last.accuracy > 0.9 && last.validation.accuracy > 0.85);
  t.deepEqual(Object.keys(first ?? {}), [
    'epoch',
    'loss',
    'accuracy',
    'validation',
    'steps',
    'skippedSteps',
    'rateScale',
    'seconds',
    'validationSeconds',
    'samplesPerSecond',
    'peakMemory',
  ]);
  // In batches as the run's: a loss is the sum of those of its batches, and another cut moves its last digit.
  const batchSize = 16;
  t.deepEqual(await trainer.evaluate(validation, { batchSize }), wrongly(last?.validation));
  t.deepEqual(
    await trainer.model.evaluate(validation, { metrics: [accuracy()], batchSize }),
    wrongly(last?.validation),
  );
  t.deepEqual(JSON.parse(JSON.stringify(history)), history);
  t.true(Object.isFrozen(history) && Object.isFrozen(history.epochs) && Object.isFrozen(last));
});

test('the same seed gives the same weights, another seed others', async (t) => {
  const weights = async (seed: number, threads: number) => {
    const model = irisNet();
    const trainer = new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy', seed, threads });
    await trainer.fit(train, { epochs: 3 });
    return model.getWeights();
  };
  const reference = await weights(5, 1);
  t.deepEqual(await weights(5, 2), reference);
  t.notDeepEqual(await weights(6, 1), reference);
});

test('a second fit goes on, as one long fit would', async (t) => {
  const long = irisTrainer();
  await long.fit(train, { epochs: 4 });
  const short = irisTrainer();
  await short.fit(train, { epochs: 1 });
  const { epochs } = await short.fit(train, { epochs: 3 });
  t.deepEqual(
    epochs.map(({ epoch }) => epoch),
    [2, 3, 4],
  );
  t.deepEqual(short.model.getWeights(), long.model.getWeights());
});

test('reset forgets the state and the counts, and keeps the weights', async (t) => {
  const trainer = irisTrainer();
  await trainer.fit(train);
  const weights = trainer.model.getWeights();
  trainer.reset();
  t.deepEqual(trainer.model.getWeights(), weights);
  const fresh = irisTrainer();
  fresh.model.setWeights(weights);
  const again = await trainer.fit(train);
  t.is(again.epochs[0]?.epoch, 1);
  await fresh.fit(train);
  t.deepEqual(trainer.model.getWeights(), fresh.model.getWeights());
});

test('batches may be larger than the data', async (t) => {
  const { epochs } = await irisTrainer().fit(train, { batchSize: 1000 });
  t.is(epochs[0]?.steps, 1);
});

test('regression and yes-or-no questions', async (t) => {
  const inputs = Array.from({ length: 64 }, (_, index) => [index / 32 - 1]);
  const line = fromArrays({ inputs, inputShape: [1], labels: inputs.map(([x = 0]) => [2 * x + 1]) });
  const regression = new Trainer(sequential({ inputShape: [1] }, [dense({ units: 1 })]), {
    optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }),
    loss: 'meanSquaredError',
    metrics: ['meanAbsoluteError'],
  });
  await regression.fit(line, { epochs: 300 });
  t.true((await regression.evaluate(line)).meanAbsoluteError < 1e-3);

  const sides = fromArrays({ inputs, inputShape: [1], labels: inputs.map(([x = 0]) => (x > 0 ? 1 : 0)) });
  const binary = new Trainer(sequential({ inputShape: [1] }, [dense({ units: 1 })]), {
    optimizer: adagrad({ learningRate: 0.5 }),
    loss: 'sigmoidBinaryCrossEntropy',
    metrics: [binaryAccuracy()],
  });
  await binary.fit(sides, { epochs: 50 });
  t.true((await binary.evaluate(sides)).binaryAccuracy > 0.95);
  const values = fromArrays({
    inputs,
    inputShape: [1],
    labels: inputs.map(([x = 0]) => [x > 0 ? 1 : 0]),
  });
  t.deepEqual(await binary.evaluate(values), await binary.evaluate(sides));
});

/** The square of the first sample's error is beyond float32. */
const huge = fromArrays({ inputs: [[3e38], [1], [1]], inputShape: [1], labels: [[1], [1], [1]] });

test('a loss that is not finite ends the run with an error', async (t) => {
  const model = sequential({ inputShape: [1] }, [dense({ units: 1 })]);
  const trainer = new Trainer(model, { optimizer: sgd(), loss: 'meanSquaredError' });
  const before = model.getWeights();
  const error = await t.throwsAsync(Promise.resolve(trainer.fit(huge, { epochs: 5 })));
  t.like(error, { name: 'GradloomError', code: 'NOT_FINITE' });
  t.deepEqual(model.getWeights(), before);
});

test('steps that are not finite may be skipped', async (t) => {
  const model = sequential({ inputShape: [1] }, [dense({ units: 1 })]);
  const trainer = new Trainer(model, { optimizer: sgd(), loss: 'meanSquaredError', nonFinite: 'skip' });
  const { epochs } = await trainer.fit(huge, { batchSize: 1, shuffle: 'never' });
  t.like(epochs[0], { steps: 2, skippedSteps: 1 });
  t.true(Object.values(model.getWeights()).every(({ data }) => data.every(Number.isFinite)));
});

test('a model is trained by one run at a time, whosever it is', async (t) => {
  const trainer = irisTrainer();
  const other = new Trainer(trainer.model, { optimizer, loss: 'softmaxCrossEntropy' });
  const run = trainer.fit(train);
  for (const busy of [trainer, other]) {
    await checkError(t, 'MODEL_BUSY', [
      () => busy.fit(train),
      'fit: the model is being trained; await its run, or stop it, first',
    ]);
    await checkError(t, 'MODEL_BUSY', [
      () => busy.reset(),
      'reset: the model is being trained; await its run first',
    ]);
  }
  await run;
  await t.notThrowsAsync(Promise.resolve(other.fit(train)));
});

test('while a model trains it can be predicted with and saved from, but not changed', async (t) => {
  const trainer = irisTrainer();
  const run = trainer.fit(train, { epochs: 1_000_000 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { shape } = await trainer.model.predict(train.take(5));
  t.deepEqual(shape, [5, 3]);
  t.true((await trainer.evaluate(validation)).loss > 0);
  t.is(Object.keys(trainer.model.getWeights()).length, 4);
  t.throws(() => trainer.model.predictSync(train.take(1)), { code: 'MODEL_BUSY' });
  t.throws(() => trainer.model.setWeights(trainer.model.getWeights()), { code: 'MODEL_BUSY' });
  run.stop();
  t.is((await run).reason, 'stopped');
  t.notThrows(() => trainer.model.predictSync(train.take(1)));
});

test('later data have to be preprocessed as the first', async (t) => {
  const trainer = irisTrainer();
  const raw = await iris();
  await checkError(t, 'INVALID_DATA', [
    () => trainer.fit(raw, { validation }),
    `fit: the validation set is preprocessed with scale ${format(validation.preprocessing.scale)} and shift ${format(validation.preprocessing.shift)}, the training set with scale [1] and shift [0]; prepare both in one call, as in [train, test] = standardize(train, test), or give both the same scale and shift`,
  ]);
  await trainer.fit(train);
  t.throws(() => trainer.fit(raw), { message: /^fit: the training set is preprocessed with scale \[1\]/ });
  await t.throwsAsync(trainer.evaluate(raw), {
    message: /^evaluate: the dataset is preprocessed with scale \[1\]/,
  });
  await t.notThrowsAsync(Promise.resolve(trainer.fit(train.take(40))));
});

function format(values: readonly number[]): string {
  const text = `[${values.join(', ')}]`;
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

const model = irisNet();
const logits = sequential({ inputShape: [4] }, [dense({ units: 1 })]);
const good = { optimizer, loss: 'softmaxCrossEntropy' } as const;
const vectors = fromArrays({ inputs: [[1, 2, 3]], inputShape: [3], labels: [0] });
const values = fromArrays({ inputs: [[1, 2, 3, 4]], inputShape: [4], labels: [[1, 0]] });
const classes = fromArrays({ inputs: [[1, 2, 3, 4]], inputShape: [4], labels: [3] });
const unlabelled = fromArrays({ inputs: [[1, 2, 3, 4]], inputShape: [4] });
const trainer = new Trainer(model, good);
const binary = new Trainer(logits, { optimizer, loss: 'sigmoidBinaryCrossEntropy' });
const regression = new Trainer(model, { optimizer, loss: 'meanSquaredError' });

const SOFTMAX_ENDING =
  'Trainer: softmaxCrossEntropy takes logits, and the model ends in softmax; remove that activation (the loss and classify apply their own)';

const WRONG: readonly WrongUse[] = [
  [
    () => new Trainer(wrongly({}), good),
    'Trainer: model must be made by sequential, graph or loadModel, got an object',
  ],
  [
    () => new Trainer(model, wrongly(undefined)),
    'Trainer: optimizer is missing; it must be an optimizer such as adagrad()',
  ],
  [
    () => new Trainer(model, wrongly({ optimizer })),
    'Trainer: loss is missing; it must be a loss such as "softmaxCrossEntropy"',
  ],
  [
    () => new Trainer(model, { ...good, optimizer: wrongly('adagrd') }),
    'Trainer: optimizer has the unknown kind "adagrd"; did you mean "adagrad"?',
  ],
  [
    () => new Trainer(model, { ...good, loss: wrongly('softmaxCrossentropy') }),
    'Trainer: loss has the unknown kind "softmaxCrossentropy"; did you mean "softmaxCrossEntropy"?',
  ],
  [
    () => new Trainer(model, { ...good, loss: wrongly(softmaxCrossEntropy) }),
    'Trainer: loss is the function softmaxCrossEntropy; call it: softmaxCrossEntropy(...)',
  ],
  [
    () => new Trainer(model, { ...good, metrics: wrongly(['accuracy', 'precison']) }),
    'Trainer: metrics[1] has the unknown kind "precison"; did you mean "precision"?',
  ],
  [
    () => new Trainer(model, { ...good, metrics: ['accuracy', accuracy()] }),
    'Trainer: the metric accuracy is named twice',
  ],
  [
    () => new Trainer(model, wrongly({ ...good, metric: ['accuracy'] })),
    'Trainer: unknown option "metric"; did you mean "metrics"?',
  ],
  [
    () => new Trainer(model, { ...good, nonFinite: wrongly('throw') }),
    'Trainer: nonFinite must be "stop", "skip" or "ignore", got "throw"',
  ],
  [
    () => new Trainer(model, { ...good, threads: 1.5 }),
    'Trainer: threads must be an integer from 0 to 1024, got 1.5',
  ],
  [
    () => new Trainer(sequential({ inputShape: [4] }, [dense({ units: 3 }), softmax()]), good),
    SOFTMAX_ENDING,
  ],
  [
    () => new Trainer(sequential({ inputShape: [4] }, [dense({ units: 3, activation: 'softmax' })]), good),
    SOFTMAX_ENDING,
  ],
  [
    () =>
      new Trainer(sequential({ inputShape: [4] }, [dense({ units: 1 }), sigmoid()]), {
        optimizer,
        loss: 'sigmoidBinaryCrossEntropy',
      }),
    'Trainer: sigmoidBinaryCrossEntropy takes logits, and the model ends in sigmoid; remove that activation (the loss and classify apply their own)',
  ],
  [
    () => new Trainer(logits, good),
    'Trainer: softmaxCrossEntropy needs one output a class, at least 2, and the model gives [1]; end it with dense({ units: <classes> })',
  ],
  [
    () => new Trainer(sequential({ inputShape: [2, 2, 1] }, [relu()]), good),
    'Trainer: softmaxCrossEntropy needs one output a class, at least 2, and the model gives [2, 2, 1]; end it with dense({ units: <classes> })',
  ],
  [
    () => new Trainer(model, { ...good, metrics: ['binaryAccuracy'] }),
    'Trainer: the metric binaryAccuracy compares single outputs with a threshold, and softmaxCrossEntropy has one output a class; use accuracy',
  ],
  [
    () => new Trainer(model, { ...good, metrics: ['meanAbsoluteError'] }),
    'Trainer: the metric meanAbsoluteError compares values, and under softmaxCrossEntropy outputs are logits; use accuracy',
  ],
  [
    () => new Trainer(model, { optimizer, loss: 'meanSquaredError', metrics: ['accuracy'] }),
    "Trainer: the metric accuracy looks for the largest of several classes' outputs, which meanSquaredError does not have; use meanAbsoluteError",
  ],
  [
    () => binaryAccuracy({ threshold: wrongly('half') }),
    'binaryAccuracy: threshold must be a finite number, got "half"',
  ],
  [
    () => trainer.fit(wrongly([1, 2, 3])),
    'fit: the training set must be a Dataset, got [1, 2, 3]; fromArrays, fromSparse, fromRows or fromTexts makes one',
  ],
  [
    () => trainer.fit(train, wrongly(5)),
    'fit: options must be an object with epochs, batchSize, batchesPerStep, shuffle, augment, validation, signal, maxSteps, maxSeconds, earlyStopping, reduceOnPlateau, checkpoint, onCheckpoint, onEpochEnd, onBatchEnd, batchInterval, inspect, loggers, report and progress, got 5',
  ],
  [() => trainer.fit(train, { epochs: 0 }), 'fit: epochs must be an integer from 1 to 2147483647, got 0'],
  [
    () => trainer.fit(train, { batchSize: -3 }),
    'fit: batchSize must be an integer from 1 to 2147483647, got -3',
  ],
  [() => trainer.fit(train, { shuffle: wrongly(true) }), 'fit: shuffle must be "epoch" or "never", got true'],
  [
    () => trainer.fit(train, { validation: wrongly([]) }),
    'fit: the validation set must be a Dataset, got []; fromArrays, fromSparse, fromRows or fromTexts makes one',
  ],
  [() => trainer.fit(train, { signal: wrongly({}) }), 'fit: signal must be an AbortSignal, got an object'],
  [() => trainer.fit(train, { onEpochEnd: wrongly('log') }), 'fit: onEpochEnd must be a function, got "log"'],
  [
    () => trainer.fit(train, { progress: wrongly(false) }),
    'fit: progress must be "auto", "line" or "none", got false',
  ],
  [() => trainer.fit(train, wrongly({ epoch: 3 })), 'fit: unknown option "epoch"; did you mean "epochs"?'],
  [
    () => trainer.evaluate(train, wrongly({ thread: 1 })),
    'evaluate: unknown option "thread"; did you mean "threads"?',
  ],
  [() => trainer.save(wrongly(3)), 'save: path must be a string that is not empty, got 3'],
  [() => Trainer.load(wrongly('')), 'Trainer.load: path must be a string that is not empty, got ""'],
];

testErrors(test, 'INVALID_OPTION', WRONG);

testErrors(test, 'SHAPE_MISMATCH', [
  [
    () => trainer.fit(wrongly(vectors)),
    'fit: the training set has samples of shape [3], the model takes [4]',
  ],
  [
    () => trainer.fit(train, { validation: wrongly(vectors) }),
    'fit: the validation set has samples of shape [3], the model takes [4]',
  ],
  [
    () => new Trainer(model, { optimizer, loss: 'sigmoidBinaryCrossEntropy' }).fit(classes),
    'fit: in the training set sigmoidBinaryCrossEntropy with class labels needs a model with one output, and this one gives [3]; for several classes use softmaxCrossEntropy',
  ],
  [
    () => regression.fit(values),
    'fit: in the training set meanSquaredError compares each output with a value of its own, and the model gives 3 a sample where the labels have 2',
  ],
]);

testErrors(test, 'INVALID_DATA', [
  [
    () => trainer.fit(wrongly(values)),
    'fit: softmaxCrossEntropy takes labels of kind "class", the training set has "values"',
  ],
  [
    () => trainer.fit(wrongly(unlabelled)),
    'fit: softmaxCrossEntropy takes labels of kind "class", the training set has "none"',
  ],
  [
    () => regression.fit(wrongly(classes)),
    'fit: meanSquaredError takes labels of kind "values", the training set has "class"',
  ],
  [
    () => binary.fit(wrongly(unlabelled)),
    'fit: sigmoidBinaryCrossEntropy takes labels of kind "class" or "values", the training set has "none"',
  ],
]);

testErrors(test, 'LABEL_OUT_OF_RANGE', [
  [
    () => trainer.fit(classes),
    'fit: in the training set sample 0 has class 3, and the model has outputs for classes 0 to 2; end it with dense({ units: 4 })',
  ],
  [
    () => binary.fit(classes),
    'fit: in the training set sigmoidBinaryCrossEntropy tells class 0 from class 1, and sample 0 has class 3; use softmaxCrossEntropy',
  ],
]);

test('views of a part of the classes fit a smaller model', async (t) => {
  const two = await iris();
  const rows = Array.from({ length: two.length }, (_, place) => place).filter(
    (place) => two.labelAt(place) < 2,
  );
  const small = sequential({ inputShape: [4] }, [flatten(), dense({ units: 2 })]);
  await t.notThrowsAsync(Promise.resolve(new Trainer(small, good).fit(two.select(rows))));
});
