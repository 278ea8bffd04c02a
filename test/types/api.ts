/** What compiles and what does not. The compiler is the test: nothing of this runs. */
import { expectTypeOf } from 'expect-type';
import {
  accuracy,
  adagrad,
  batchNorm,
  conv2d,
  customLoss,
  customMetric,
  type Dataset,
  dense,
  dropout,
  type EndReason,
  type EpochRecord,
  flatten,
  fromArrays,
  fromInputs,
  gaussianNoise,
  graph,
  type History,
  huber,
  input,
  iris,
  type LabelKind,
  type Layer,
  layerNorm,
  loadModel,
  type Model,
  maxPool2d,
  mnist,
  precision,
  recall,
  relu,
  reshape,
  residual,
  rocAuc,
  type Shape,
  sequential,
  sgd,
  softmaxCrossEntropy,
  standardize,
  Trainer,
  type TrainingRun,
} from '../../lib/index.ts';

const optimizer = adagrad();

export function shapes(units: number, layers: Layer[], inputShape: number[]) {
  expectTypeOf(sequential({ inputShape: [28, 28, 1] }, [flatten(), dense({ units: 10 })])).toEqualTypeOf<
    Model<readonly [28, 28, 1], readonly [10]>
  >();
  // The shape goes through layers that keep it, and is open where it depends on more than the layer's own
  // options.
  expectTypeOf(
    sequential({ inputShape: [4] }, [dense({ units: 3, name: 'end' }), dropout({ rate: 0.5 }), relu()]),
  ).toEqualTypeOf<Model<readonly [4], readonly [3]>>();
  expectTypeOf(
    sequential({ inputShape: [4] }, [dense({ units: 3, trainable: false }), batchNorm(), layerNorm()]),
  ).toEqualTypeOf<Model<readonly [4], readonly [3]>>();
  // @ts-expect-error A layer without weights cannot be frozen.
  relu({ trainable: false });
  expectTypeOf(sequential({ inputShape: [4] }, [relu()])).toEqualTypeOf<Model<readonly [4], readonly [4]>>();
  expectTypeOf(
    sequential({ inputShape: [8, 8, 1] }, [conv2d({ filters: 2, kernelSize: 3 }), maxPool2d()]),
  ).toEqualTypeOf<Model<readonly [8, 8, 1], Shape>>();
  expectTypeOf(sequential({ inputShape: [4] }, [dense({ units })])).toEqualTypeOf<
    Model<readonly [4], readonly [number]>
  >();
  expectTypeOf(sequential({ inputShape: [4] }, layers)).toEqualTypeOf<Model<readonly [4], Shape>>();
  expectTypeOf(sequential({ inputShape }, [dense({ units: 2 })])).toEqualTypeOf<
    Model<number[], readonly [2]>
  >();
  expectTypeOf(
    sequential({ inputShape: [4] }, [reshape({ shape: [2, -1] }), gaussianNoise({ standardDeviation: 1 })]),
  ).toEqualTypeOf<Model<readonly [4], readonly [2, number]>>();
  expectTypeOf(
    sequential({ inputShape: [4] }, [dense({ units: 3 }), residual([relu(), dense({ units: 3 })])]),
  ).toEqualTypeOf<Model<readonly [4], readonly [3]>>();
  // A model of known shapes goes where any model does, not the other way round.
  expectTypeOf<Model<readonly [4], readonly [3]>>().toExtend<Model>();
  expectTypeOf<Model>().not.toExtend<Model<readonly [4], readonly [3]>>();
  expectTypeOf<Model<readonly [4], readonly [3]>>().not.toExtend<Model<readonly [5], readonly [3]>>();
}

export function options() {
  // @ts-expect-error units is missing
  dense({});
  // @ts-expect-error a misspelled option
  dense({ units: 3, activaton: 'relu' });
  // @ts-expect-error an unknown activation
  dense({ units: 3, activation: 'swish' });
  // @ts-expect-error three sides
  conv2d({ filters: 2, kernelSize: 3, padding: [1, 1, 1] });
  // @ts-expect-error a pair of three
  conv2d({ filters: 2, kernelSize: [3, 3, 3] });
  conv2d({ filters: 2, kernelSize: [3, 1], padding: { top: 1, bottom: 0, left: 0, right: 0 } });
  // @ts-expect-error a bare boolean
  dropout(true);
  // @ts-expect-error an unknown placement
  adagrad({ epsilonPlacement: 'within' });
  // @ts-expect-error no layer
  sequential({ inputShape: [4] }, ['relu']);
}

export async function predictions(
  model: Model<readonly [28, 28, 1], readonly [10]>,
  other: Dataset<[4], 'class'>,
) {
  const prediction = await model.predict(new Uint8Array(784));
  expectTypeOf(prediction).toEqualTypeOf<{
    readonly data: Float32Array;
    readonly shape: readonly [count: number, 10];
  }>();
  const classes = await model.classify((await mnist()).test);
  expectTypeOf(classes.labels).toEqualTypeOf<Int32Array>();
  expectTypeOf(classes.probabilities.shape).toEqualTypeOf<readonly [count: number, 10]>();
  // @ts-expect-error samples of another shape
  await model.predict(other);
  // @ts-expect-error samples of another shape
  await model.evaluate(other);
  // @ts-expect-error a sample is an array of its own
  await model.predict([1, 2, 3]);
  const result = await model.evaluate((await mnist()).test, { metrics: ['accuracy'] });
  expectTypeOf(result.loss).toEqualTypeOf<number>();
  expectTypeOf(result.accuracy).toEqualTypeOf<number>();
  // @ts-expect-error a metric that was not asked for
  result.binaryAccuracy;
  const lists = await model.evaluate((await mnist()).test, {
    metrics: [
      'confusionMatrix',
      precision({ average: 'none' }),
      recall({ average: 'micro' }),
      'f1',
      rocAuc(),
    ],
  });
  expectTypeOf(lists.confusionMatrix).toEqualTypeOf<number[][]>();
  expectTypeOf(lists.precision).toEqualTypeOf<number[]>();
  expectTypeOf(lists.recall).toEqualTypeOf<number>();
  expectTypeOf(lists.f1).toEqualTypeOf<number>();
  expectTypeOf(lists.rocAuc).toEqualTypeOf<number>();
  expectTypeOf(await loadModel('a')).toEqualTypeOf<Model<Shape, Shape>>();
}

export async function dataMatchModelAndLoss(unknownShape: Dataset<Shape, 'class'>) {
  const model = sequential({ inputShape: [4] }, [dense({ units: 3 })]);
  const [train, validation] = standardize(...(await iris()).split({ fraction: 0.8, stratify: 'labels' }));
  const trainer = new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy' });
  trainer.fit(train, { validation });

  const images = (await mnist()).train;
  const values = fromArrays({ inputs: new Float32Array(8), inputShape: [4], labels: new Float32Array(6) });
  const unlabelled = fromArrays({ inputs: new Float32Array(8), inputShape: [4] });
  // @ts-expect-error images for a model of vectors
  trainer.fit(images);
  // @ts-expect-error images for validation
  trainer.fit(train, { validation: images });
  // @ts-expect-error values for a loss of classes
  trainer.fit(values);
  // @ts-expect-error values for validation with a loss of classes
  trainer.fit(train, { validation: values });
  // @ts-expect-error no labels
  trainer.fit(unlabelled);
  // @ts-expect-error values for a loss of classes
  trainer.evaluate(values);
  // @ts-expect-error a shape that nobody knows
  trainer.fit(unknownShape);

  const made = new Trainer(model, { optimizer: sgd(), loss: softmaxCrossEntropy() });
  made.fit(train);
  // @ts-expect-error values for a loss of classes
  made.fit(values);

  const soft = new Trainer(model, {
    optimizer,
    loss: softmaxCrossEntropy({ targets: 'distributions', labelSmoothing: 0.1 }),
  });
  soft.fit(values);
  // @ts-expect-error classes for a loss of distributions
  soft.fit(train);
  new Trainer(model, { optimizer, loss: softmaxCrossEntropy({ ignoreIndex: 255 }) }).fit(train);
  const robust = new Trainer(model, { optimizer, loss: huber({ delta: 2 }) });
  robust.fit(values);
  // @ts-expect-error classes for a loss of values
  robust.fit(train);
  new Trainer(model, { optimizer, loss: 'hinge' }).fit(train);

  const own = customLoss({
    name: 'own',
    loss: (outputs, targets, { batchSize }) => {
      expectTypeOf(targets).toEqualTypeOf<Float32Array>();
      return { value: batchSize, gradient: outputs };
    },
  });
  const ofValues = new Trainer(model, { optimizer, loss: own });
  ofValues.fit(values);
  // @ts-expect-error classes for a loss of values
  ofValues.fit(train);
  const ofClasses = customLoss({
    name: 'own',
    labels: 'class',
    loss: (_, targets) => {
      expectTypeOf(targets).toEqualTypeOf<Int32Array>();
      return { value: 1, gradient: [] };
    },
  });
  new Trainer(model, { optimizer, loss: ofClasses }).fit(train);
  // @ts-expect-error no value
  customLoss({ name: 'own', loss: () => ({ gradient: [] }) });

  const regression = new Trainer(model, { optimizer, loss: 'meanSquaredError' });
  regression.fit(values);
  // @ts-expect-error classes for a regression
  regression.fit(train);

  const binary = new Trainer(model, { optimizer, loss: 'sigmoidBinaryCrossEntropy' });
  binary.fit(train);
  binary.fit(values);
  // @ts-expect-error no labels
  binary.fit(unlabelled);

  // A model of any shape takes data of any shape.
  const open = sequential({ inputShape: unknownShape.inputShape }, [dense({ units: 3 })]);
  const openTrainer = new Trainer(open, { optimizer, loss: 'softmaxCrossEntropy' });
  openTrainer.fit(unknownShape);
  openTrainer.fit(train);
  const loaded = new Trainer(await loadModel('a'), { optimizer, loss: 'softmaxCrossEntropy' });
  loaded.fit(images);

  // @ts-expect-error an unknown loss
  new Trainer(model, { optimizer, loss: 'crossEntropy' });
  // @ts-expect-error an unknown metric
  new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy', metrics: ['precison'] });
  // @ts-expect-error the loss is missing
  new Trainer(model, { optimizer });
  // @ts-expect-error a bare boolean
  trainer.fit(train, { shuffle: true });
}

export async function records(train: Dataset<[4], 'class'>, maybe: Dataset<[4], 'class'> | undefined) {
  const model = sequential({ inputShape: [4] }, [dense({ units: 3 })]);
  const trainer = new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy', metrics: ['accuracy'] });

  const run = trainer.fit(train, { validation: train });
  for await (const epoch of run) {
    expectTypeOf(epoch.epoch).toEqualTypeOf<number>();
    expectTypeOf(epoch.loss).toEqualTypeOf<number>();
    expectTypeOf(epoch.accuracy).toEqualTypeOf<number>();
    expectTypeOf(epoch.validation.loss).toEqualTypeOf<number>();
    expectTypeOf(epoch.validation.accuracy).toEqualTypeOf<number>();
    // @ts-expect-error a metric that was not asked for
    epoch.meanAbsoluteError;
  }
  const history = await run;
  expectTypeOf(history).toExtend<History>();
  expectTypeOf(history.reason).toEqualTypeOf<EndReason>();
  expectTypeOf(history.epochs[0]?.validation.accuracy).toEqualTypeOf<number | undefined>();

  const plain = await trainer.fit(train);
  // @ts-expect-error a run without validation
  plain.epochs[0]?.validation;
  const perhaps = await trainer.fit(train, maybe === undefined ? {} : { validation: maybe });
  expectTypeOf(perhaps.epochs[0]?.validation?.accuracy).toEqualTypeOf<number | undefined>();

  trainer.fit(train, {
    validation: train,
    onEpochEnd: (epoch, run) => {
      expectTypeOf(epoch.validation.accuracy).toEqualTypeOf<number>();
      if (epoch.accuracy > 0.9) run.stop();
    },
  });

  const unwatched = new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy' });
  // @ts-expect-error no metrics
  (await unwatched.evaluate(train)).accuracy;
  const watched = new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy', metrics: [accuracy()] });
  expectTypeOf((await watched.evaluate(train)).accuracy).toEqualTypeOf<number>();

  const spread = customMetric({ name: 'spread', compute: ({ data }) => [data.length] });
  const own = customMetric({ name: 'own', compute: ({ samples }) => samples });
  const customized = new Trainer(model, {
    optimizer,
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy', spread, own],
  });
  const { epochs } = await customized.fit(train, { validation: train });
  expectTypeOf(epochs[0]?.spread).toEqualTypeOf<number[] | undefined>();
  expectTypeOf(epochs[0]?.validation.own).toEqualTypeOf<number | undefined>();
  // @ts-expect-error text is no figure
  customMetric({ name: 'text', compute: () => 'high' });

  const resumed = await Trainer.load('a');
  resumed.fit(train);
  expectTypeOf((await resumed.evaluate(train)).loss).toEqualTypeOf<number>();
  const stated = await Trainer.load('a', { metrics: ['accuracy', spread] });
  expectTypeOf((await stated.evaluate(train)).spread).toEqualTypeOf<number[]>();

  const on = await Trainer.resume('a', train, {
    validation: train,
    metrics: ['accuracy', spread],
    onEpochEnd: (epoch) => expectTypeOf(epoch.validation.accuracy).toEqualTypeOf<number>(),
  });
  const later = await on.run;
  expectTypeOf(later.epochs[0]?.validation.accuracy).toEqualTypeOf<number | undefined>();
  expectTypeOf(later.epochs[0]?.spread).toEqualTypeOf<number[] | undefined>();
  expectTypeOf((await on.trainer.evaluate(train)).accuracy).toEqualTypeOf<number>();
  // @ts-expect-error a metric that was not named
  later.epochs[0]?.f1;
  // @ts-expect-error an unknown metric
  await Trainer.resume('a', train, { metrics: ['acuracy'] });
  // @ts-expect-error classes for a loss of values
  await Trainer.resume('a', train, { loss: 'huber' });
  await Trainer.resume('a', train, { loss: 'softmaxCrossEntropy', validation: train });
  // Without, a figure is what it may be.
  const open = await Trainer.resume('a', train);
  const [first] = (await open.run).epochs;
  expectTypeOf(first?.epoch).toEqualTypeOf<number | undefined>();
  expectTypeOf(first?.loss).toEqualTypeOf<number | undefined>();
  expectTypeOf(first?.accuracy).toEqualTypeOf<number | number[] | number[][] | undefined>();

  // What takes any trainer or run takes these.
  expectTypeOf(trainer).toExtend<Trainer<readonly [4]>>();
  expectTypeOf(run).toExtend<TrainingRun>();
  expectTypeOf<EpochRecord<{ readonly accuracy: number }>['accuracy']>().toEqualTypeOf<number>();
}

export function datasets(any: Dataset, one: Dataset<[4], 'class'>) {
  expectTypeOf(one).toExtend<Dataset>();
  expectTypeOf(any.labelKind).toEqualTypeOf<LabelKind>();
  expectTypeOf(fromArrays({ inputs: [[1, 2]], inputShape: [2], labels: [0] })).toEqualTypeOf<
    Dataset<[2], 'class'>
  >();
}

export async function heads() {
  const x = input([2]);
  const model = graph({
    inputs: { x },
    outputs: { kind: x.pipe(dense({ units: 3 })), price: x.pipe(dense({ units: 1 })) },
  });
  const predicted = await model.predict({ x: [[1, 2]] });
  expectTypeOf(predicted.kind.shape).toEqualTypeOf<readonly [count: number, 3]>();
  // @ts-expect-error no such head
  predicted.prise;
  const inputs = { x: fromArrays({ inputs: [[1, 2]], inputShape: [2] }) };
  const set = fromInputs({ inputs, targets: { kind: [0], price: [[1.5]] } });
  expectTypeOf(set.labelKind).toEqualTypeOf<'targets'>();
  const trainer = new Trainer(model, {
    optimizer: sgd(),
    loss: { kind: 'softmaxCrossEntropy', price: 'huber' },
    lossWeights: { price: 0.5 },
    metrics: { kind: ['accuracy'] },
  });
  const { epochs } = await trainer.fit(set, { validation: set });
  expectTypeOf(epochs[0]?.price_loss).toEqualTypeOf<number | undefined>();
  expectTypeOf(epochs[0]?.validation.kind_accuracy).toEqualTypeOf<number | undefined>();
  const { run } = await Trainer.resume('a', set, { metrics: { kind: ['accuracy'] } });
  expectTypeOf((await run).epochs[0]?.kind_accuracy).toEqualTypeOf<number | undefined>();
  const loss = { kind: 'softmaxCrossEntropy', price: 'huber' } as const;
  const resumed = await Trainer.resume('a', set, { validation: set, loss, metrics: { kind: ['accuracy'] } });
  // @ts-expect-error one target for several heads
  await Trainer.resume('a', fromInputs({ inputs, labels: [0] }), { loss });
  // @ts-expect-error one target for several heads
  await Trainer.resume('a', set, { validation: fromInputs({ inputs, labels: [0] }), loss });
  const last = (await resumed.run).epochs.at(-1);
  expectTypeOf(last?.price_loss).toEqualTypeOf<number | undefined>();
  expectTypeOf(last?.validation.kind_loss).toEqualTypeOf<number | undefined>();
  // @ts-expect-error no such head
  last?.prise_loss;
  expectTypeOf((await resumed.trainer.evaluate(set)).kind_loss).toEqualTypeOf<number>();
  // @ts-expect-error one target for several heads
  resumed.trainer.fit(fromInputs({ inputs, labels: [0] }));
  const loaded = await Trainer.load('a', { loss: 'huber' });
  // @ts-expect-error several targets for one output
  loaded.fit(set);
  // @ts-expect-error one target for several heads
  trainer.fit(fromInputs({ inputs, labels: [0] }));
  // @ts-expect-error a head without labels
  trainer.trainStep({ x: [[1, 2]] }, { kind: [0] });
  const output = x.pipe(dense({ units: 1 }));
  const single = new Trainer(graph({ inputs: { x }, output }), { optimizer: sgd(), loss: 'huber' });
  // @ts-expect-error several targets for one output
  single.fit(set);
}
