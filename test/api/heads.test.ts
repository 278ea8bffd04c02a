/** Models with several heads: their losses, targets, metrics and files. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { RandomStream } from '../../lib/core/philox.ts';
import {
  adagrad,
  concat,
  conv2d,
  customLoss,
  customMetric,
  dense,
  flatten,
  fromArrays,
  fromInputs,
  graph,
  type HeadLosses,
  historyToCsv,
  input,
  loadModel,
  meanSquaredError,
  sgd,
  softmaxCrossEntropy,
  Trainer,
} from '../../lib/index.ts';
import { checkError, wrongly } from './errors.ts';

const COUNT = 150;

/** A class of three, two values and yes or no, all of five inputs. */
function samples(count = COUNT, seed = 1) {
  const random = new RandomStream(seed, 'shuffle');
  const x = Float32Array.from({ length: count * 5 }, () => random.below(2001) / 1000 - 1);
  const at = (i: number, column: number) => x[i * 5 + column] as number;
  const kind = Int32Array.from({ length: count }, (_, i) => (at(i, 0) > 0.3 ? 2 : at(i, 1) > 0 ? 1 : 0));
  const size = Float32Array.from({ length: count * 2 }, (_, i) =>
    i % 2 === 0 ? at(i >> 1, 2) - at(i >> 1, 0) : at(i >> 1, 3) * 2,
  );
  const yes = Uint8Array.from({ length: count }, (_, i) => (at(i, 4) + at(i, 0) > 0 ? 1 : 0));
  return { x, kind, size, yes };
}

function dataset(count = COUNT, seed = 1) {
  const { x, kind, size, yes } = samples(count, seed);
  const rows = Array.from({ length: count }, (_, i) => [...size.subarray(2 * i, 2 * i + 2)]);
  return fromInputs({
    inputs: { x: fromArrays({ inputs: x, inputShape: [5] }) },
    targets: { yes, kind, size: rows },
  });
}

/** Heads in another order than that of their names. */
function network(seed = 4) {
  const x = input([5]);
  const trunk = x.pipe(dense({ units: 4, activation: 'tanh' }));
  return graph({
    inputs: { x },
    outputs: {
      yes: trunk.pipe(dense({ units: 1, name: 'yes' })),
      size: trunk.pipe(dense({ units: 2, name: 'size' })),
      kind: trunk.pipe(dense({ units: 3, name: 'kind' })),
    },
    seed,
  });
}

const LOSS = {
  kind: 'softmaxCrossEntropy',
  size: 'meanSquaredError',
  yes: 'sigmoidBinaryCrossEntropy',
} as const;
const WEIGHTS = { size: 0.5, yes: 0.25 };

function trainerOf(model = network(), threads = 1, seed = 0) {
  return new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: LOSS,
    lossWeights: WEIGHTS,
    metrics: { kind: ['accuracy', 'rocAuc'], yes: ['confusionMatrix', 'binaryAccuracy'], size: ['r2'] },
    threads,
    seed,
  });
}

const weightsOf = (model: { getWeights(): object }) =>
  Object.entries(model.getWeights() as Record<string, { data: Float32Array }>).map(
    ([name, { data }]) => [name, [...data]] as const,
  );

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-heads-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

function near(
  t: ExecutionContext,
  given: ArrayLike<number>,
  expected: readonly number[],
  what: string,
): void {
  t.is(given.length, expected.length, what);
  const worst = expected.reduce((most, value, i) => {
    return Math.max(most, Math.abs((given[i] as number) - value) / Math.max(1, Math.abs(value)));
  }, 0);
  t.true(worst < 2e-6, `${what}: off by ${worst}`);
}

test('losses, gradients of the shared trunk and weights are those of PyTorch', async (t) => {
  const path = new URL('../fixtures/pytorch-heads.json', import.meta.url);
  const golden = JSON.parse(await readFile(path, 'utf8'));
  const rows = Array.from({ length: 7 }, (_, i) => golden.size.slice(2 * i, 2 * i + 2) as number[]);
  const set = fromInputs({
    inputs: { x: fromArrays({ inputs: Float32Array.from(golden.x), inputShape: [5] }) },
    targets: { kind: golden.kind as number[], size: rows, yes: golden.yes as number[] },
    sampleWeights: Float32Array.from(golden.sampleWeights),
  });
  const names = ['dense_1', 'kind', 'size', 'yes'].flatMap((name) => [`${name}.weight`, `${name}.bias`]);
  const given = () => {
    const model = network();
    const shapes = model.getWeights();
    const initial = names.map((name, i) => {
      const shape = shapes[name]?.shape as readonly number[];
      return [name, { data: Float32Array.from(golden.initial[i]), shape }] as const;
    });
    model.setWeights(Object.fromEntries(initial));
    return model;
  };
  const model = given();
  const trainer = trainerOf(model);
  const { epochs } = await trainer.fit(set, { epochs: 3, batchSize: 7, shuffle: 'never' });
  for (const [step, expected] of golden.steps.entries()) {
    const epoch = epochs[step];
    near(
      t,
      [epoch?.loss, epoch?.kind_loss, epoch?.size_loss, epoch?.yes_loss] as number[],
      [expected.loss, expected.kind, expected.size, expected.yes],
      `losses of step ${step}`,
    );
  }
  for (const [i, name] of names.entries())
    near(t, model.getWeights()[name]?.data ?? [], golden.final[i], name);
  const predicted = await model.predict({ x: Float32Array.from(golden.x) });
  near(t, predicted.kind.data, golden.outputs.kind, 'kind');
  near(t, predicted.size.data, golden.outputs.size, 'size');
  near(t, predicted.yes.data, golden.outputs.yes, 'yes');

  // A step of sgd shows the gradient: the trunk's is the weighted sum of what each head alone gives.
  const gradientOf = async (lossWeights: Readonly<Record<string, number>>) => {
    const one = given();
    const before = one.getWeights()['dense_1.weight']?.data ?? [];
    await new Trainer(one, { optimizer: sgd({ learningRate: 1 }), loss: LOSS, lossWeights }).fit(set, {
      epochs: 1,
      batchSize: 7,
    });
    return [...(one.getWeights()['dense_1.weight']?.data ?? [])].map(
      (after, i) => (before[i] as number) - after,
    );
  };
  const whole = await gradientOf({ kind: 1, ...WEIGHTS });
  near(t, whole, golden.steps[0].trunkGradient, 'gradient');
  const alone = await Promise.all([
    gradientOf({ kind: 1, size: 0, yes: 0 }),
    gradientOf({ kind: 0, size: 1, yes: 0 }),
    gradientOf({ kind: 0, size: 0, yes: 1 }),
  ]);
  const sum = whole.map((_, i) =>
    alone.reduce((all, each, h) => all + (each[i] ?? 0) * ([1, 0.5, 0.25][h] ?? 0), 0),
  );
  near(t, whole, sum, 'weighted sum');
});

test('figures are those that each head has as a model of its own', async (t) => {
  const set = dataset();
  const { kind, size, yes } = samples();
  const trainer = trainerOf();
  await trainer.fit(set, { epochs: 3, batchSize: 32 });
  const figures = await trainer.evaluate(set, { batchSize: 64 });
  const names = ['kind', 'size', 'yes'] as const;
  let total = 0;
  for (const name of names) {
    const x = input([5]);
    const trunk = x.pipe(dense({ units: 4, activation: 'tanh' }));
    const units = { kind: 3, size: 2, yes: 1 }[name];
    const alone = graph({ inputs: { x }, output: trunk.pipe(dense({ units, name })) });
    const all = trainer.model.getWeights();
    alone.setWeights(
      Object.fromEntries(Object.entries(all).filter(([key]) => /^dense_1/.test(key) || key.startsWith(name))),
    );
    const labels = { kind, size, yes }[name];
    const own = fromInputs({ inputs: { x: set.input('x') }, labels });
    const metrics = {
      kind: ['accuracy', 'rocAuc'] as const,
      size: ['r2'] as const,
      yes: ['confusionMatrix', 'binaryAccuracy'] as const,
    }[name];
    const expected: Record<string, unknown> = await alone.evaluate(own, { loss: LOSS[name], metrics });
    const given = figures as unknown as Readonly<Record<string, unknown>>;
    for (const metric of metrics)
      t.deepEqual(given[`${name}_${metric}`], expected[metric], `${name} ${metric}`);
    near(t, [given[`${name}_loss`] as number], [expected.loss as number], `${name} loss`);
    total += (expected.loss as number) * ({ kind: 1, ...WEIGHTS }[name] ?? 1);
    const outputs = await alone.predict(own);
    const predicted = await trainer.model.predict(set);
    t.deepEqual([...predicted[name].data], [...outputs.data]);
    t.deepEqual(predicted[name].shape, outputs.shape);
  }
  near(t, [figures.loss], [total], 'sum');
  const classes = await trainer.model.classify(set);
  t.is(classes.kind.labels.filter((label, i) => label === kind[i]).length / COUNT, figures.kind_accuracy);
  t.is(classes.yes.labels.filter((label, i) => label === yes[i]).length / COUNT, figures.yes_binaryAccuracy);
  t.false('size' in classes);
});

test('one, two and three threads, and a trainer that was saved, give the same bits', async (t) => {
  const folder = await newFolder(t);
  const run = async (threads: number) => {
    const trainer = trainerOf(network(), threads, 3);
    const history = await trainer.fit(dataset(), { epochs: 4, batchSize: 33, validation: dataset(60, 2) });
    return { trainer, history };
  };
  const [one, two, three] = await Promise.all([run(1), run(2), run(3)]);
  for (const other of [two, three]) t.deepEqual(weightsOf(other.trainer.model), weightsOf(one.trainer.model));
  const figures = (epoch: object) => Object.entries(epoch).filter(([key]) => /loss|kind|yes|size_/.test(key));
  t.deepEqual(three.history.epochs.map(figures), one.history.epochs.map(figures));
  const [first, last] = [one.history.epochs[0], one.history.epochs[3]];
  t.true(
    (last?.kind_loss ?? 1) < (first?.kind_loss ?? 0) && (last?.size_loss ?? 1) < (first?.size_loss ?? 0),
  );
  t.regex(historyToCsv(one.history), /loss,kind_accuracy,.*kind_loss,size_loss,yes_loss,validation\.loss/);

  const path = join(folder, 'heads.safetensors');
  await one.trainer.save(path);
  const loaded = await Trainer.load<{ x: readonly [5] }, HeadLosses>(path);
  await loaded.fit(wrongly(dataset()), { epochs: 2, batchSize: 33 });
  await one.trainer.fit(dataset(), { epochs: 2, batchSize: 33 });
  t.deepEqual(weightsOf(loaded.model), weightsOf(one.trainer.model));

  const model = await loadModel<{ x: readonly [5] }, { kind: [3]; size: [2]; yes: [1] }>(path);
  t.deepEqual(model.outputShape, { kind: [3], size: [2], yes: [1] } as never);
  const { loss } = await model.evaluate(dataset(), {});
  t.true(loss > 0);
  t.deepEqual(
    [...model.predictSync({ x: samples().x }).size.data],
    [...(await model.predict(dataset())).size.data],
  );
  t.deepEqual(weightsOf(model.clone()), weightsOf(model));
});

test('a run that was stopped in the midst of an epoch goes on with the same bits', async (t) => {
  const folder = await newFolder(t);
  const options = { epochs: 3, batchSize: 20, validation: dataset(60, 2) };
  const straight = trainerOf();
  const expected = await straight.fit(dataset(), options);
  const broken = trainerOf();
  await broken.fit(dataset(), { ...options, maxSteps: 11, checkpoint: { folder } });
  const resumed = await Trainer.resume(folder, dataset(), { validation: options.validation, maxSteps: 1000 });
  const history = await resumed.run;
  t.deepEqual(weightsOf(resumed.trainer.model), weightsOf(straight.model));
  const figures = (epoch: object) =>
    Object.entries(epoch).filter(([key]) => key === 'validation' || /loss|kind_|yes_|size_/.test(key));
  t.deepEqual(history.epochs.map(figures), expected.epochs.map(figures));
});

test('a step on one batch has the bits of a run over it', async (t) => {
  const { x, kind, size, yes } = samples(9);
  const [stepped, fitted] = [trainerOf(), trainerOf()];
  const rows = Array.from({ length: 9 }, (_, i) => [...size.subarray(2 * i, 2 * i + 2)]);
  const loss = stepped.trainStep({ x }, { kind, size: rows, yes });
  const { epochs } = await fitted.fit(dataset(9), { epochs: 1, batchSize: 9, shuffle: 'never' });
  t.is(loss, epochs[0]?.loss ?? Number.NaN);
  t.deepEqual(weightsOf(stepped.model), weightsOf(fitted.model));
  await checkError(t, 'INVALID_DATA', [
    () => stepped.trainStep({ x }, wrongly({ kind, yes })),
    'trainStep: in the batch target "size" is missing; each of the heads "kind", "size" and "yes" has one',
  ]);
});

test('views keep their targets, samples show them', async (t) => {
  const set = dataset();
  const { kind, size, yes } = samples();
  t.is(set.labelKind, 'targets');
  const [first] = set.select([7, 3]).split({ fraction: 0.5, seed: 1 });
  const place = first.at(0).input.x[0] === set.at(7).input.x[0] ? 7 : 3;
  t.deepEqual(first.labelAt(0), {
    kind: kind[place] as number,
    size: size.slice(2 * place, 2 * place + 2),
    yes: yes[place] as number,
  });
  t.deepEqual(
    set
      .take(2)
      .concat(set.select([5]))
      .at(2),
    set.at(5),
  );
  await checkError(t, 'INVALID_DATA', [
    () => set.classCounts(),
    'classCounts: needs class labels, but labelKind is "targets"',
  ]);
});

test('heads of images, one head alone, a head that others read, custom metrics', async (t) => {
  const image = input([2, 3, 1]);
  const map = image.pipe(conv2d({ filters: 2, kernelSize: 1 }));
  const sum = concat([map, map]).pipe(flatten(), dense({ units: 2 }));
  const model = graph({ inputs: { image }, outputs: { sum, map }, seed: 1 });
  const { map: maps, sum: sums } = await model.predict({
    image: Float32Array.from({ length: 12 }, (_, i) => i / 6),
  });
  t.deepEqual(maps.shape, [2, 2, 3, 2]);
  t.deepEqual(sums.shape, [2, 2]);
  const before = model.getWeights();
  const bias = customMetric({
    name: 'bias',
    compute: ({ data }, targets) => data.reduce((all, value, i) => all + value - (targets[i] ?? 0), 0),
  });
  const set = fromInputs({
    inputs: {
      image: fromArrays({
        inputs: Float32Array.from({ length: 12 }, (_, i) => i / 6),
        inputShape: [2, 3, 1],
      }),
    },
    targets: { map: new Float32Array(24).fill(2), sum: new Float32Array(4).fill(3) },
  });
  const { map_bias, sum_meanAbsoluteError } = await model.evaluate(set, {
    loss: { map: 'huber', sum: 'meanSquaredError' },
    metrics: { map: [bias], sum: ['meanAbsoluteError'] },
  });
  near(t, [map_bias], [maps.data.reduce((all, value) => all + value - 2, 0)], 'bias');
  near(
    t,
    [sum_meanAbsoluteError],
    [sums.data.reduce((all, value) => all + Math.abs(value - 3), 0) / 4],
    'mae',
  );
  t.deepEqual(model.getWeights(), before);

  const alone = graph({ inputs: { image }, outputs: { map } });
  t.deepEqual(alone.outputShape, { map: [2, 3, 2] } as never);
  t.regex(model.summary(), /heads: map = conv2d_1 \[2, 3, 2\], sum = dense_1 \[2\]/);
});

test('what does not fit is said with the names of heads', async (t) => {
  const model = network();
  const optimizer = sgd();
  const make = (options: object) => () => new Trainer(model, { optimizer, loss: LOSS, ...options } as never);
  const errors: readonly (readonly [() => unknown, string])[] = [
    [
      make({ loss: 'meanSquaredError' }),
      'Trainer: loss must be an object by the names of the heads "kind", "size" and "yes", got "meanSquaredError"',
    ],
    [
      make({ loss: { ...LOSS, sise: 'huber' } }),
      'Trainer: loss: there is no head "sise"; did you mean "size"?',
    ],
    [make({ loss: { kind: LOSS.kind, size: LOSS.size } }), 'Trainer: loss: head "yes" has no loss'],
    [
      make({ loss: { ...LOSS, size: 'softmaxCrossEntropi' } }),
      'Trainer: loss has the unknown kind "softmaxCrossEntropi"; did you mean "softmaxCrossEntropy"?',
    ],
    [
      make({ lossWeights: { size: -1 } }),
      'Trainer: lossWeights.size must be a finite number of at least 0, got -1',
    ],
    [
      make({ lossWeights: { kind: Number.NaN } }),
      'Trainer: lossWeights.kind must be a finite number of at least 0, got NaN',
    ],
    [
      make({ lossWeights: { kinds: 1 } }),
      'Trainer: lossWeights: there is no head "kinds"; did you mean "kind"?',
    ],
    [
      make({ metrics: ['accuracy'] }),
      'Trainer: metrics must be an object by the names of the heads "kind", "size" and "yes", got an array of 1',
    ],
    [
      make({ metrics: { size: ['accuracy'] } }),
      'Trainer: head "size": the metric accuracy looks for the largest of several classes\' outputs, which meanSquaredError does not have; use meanAbsoluteError',
    ],
    [
      make({ loss: { ...LOSS, yes: 'softmaxCrossEntropy' } }),
      'Trainer: head "yes": softmaxCrossEntropy needs one output a class, at least 2, and the model gives [1]; end it with dense({ units: <classes> })',
    ],
    [
      make({ loss: { ...LOSS, kind: softmaxCrossEntropy({ classWeights: [1, 2, 3] }) } }),
      'Trainer: head "kind": softmaxCrossEntropy has classWeights, which changes what a loss is divided by; of several heads each is a mean over all samples, so leave it out',
    ],
    [
      make({
        loss: { ...LOSS, size: customLoss({ name: 'own', loss: () => ({ value: 0, gradient: [] }) }) },
      }),
      'Trainer: head "size": a custom loss is for models of one output; choose another',
    ],
  ];
  for (const use of errors) await checkError(t, 'INVALID_OPTION', use);

  const trainer = new Trainer(model, { optimizer, loss: LOSS });
  const { x, kind, size, yes } = samples(4);
  const inputs = { x: fromArrays({ inputs: x, inputShape: [5] }) };
  const train = (targets: object) => () =>
    trainer.fit(fromInputs({ inputs, targets: wrongly(targets) }) as never, { epochs: 1 });
  const rows = [
    [0, 1],
    [2, 3],
    [4, 5],
    [6, 7],
  ];
  await checkError(t, 'INVALID_DATA', [
    train({ kind, size }),
    'fit: in the training set target "yes" is missing; each of the heads "kind", "size" and "yes" has one',
  ]);
  await checkError(t, 'INVALID_DATA', [
    train({ kind, size: rows, yes, age: yes }),
    'fit: in the training set target "age" is of no head; there are kind, size and yes',
  ]);
  await checkError(t, 'LABEL_OUT_OF_RANGE', [
    train({ kind: Int32Array.of(0, 3, 1, 2), size: rows, yes }),
    'fit: in the training set target "kind": sample 1 has class 3, and the model has outputs for classes 0 to 2; end it with dense({ units: 4 })',
  ]);
  await checkError(t, 'SHAPE_MISMATCH', [
    train({ kind, size: [[1], [2], [3], [4]], yes }),
    'fit: in the training set target "size": meanSquaredError compares each output with a value of its own, and the model gives 2 a sample where the labels have 1',
  ]);
  await checkError(t, 'INVALID_DATA', [
    train({ kind, size: yes, yes }),
    'fit: in the training set target "size" is of kind "class", and meanSquaredError takes "values"',
  ]);
  await checkError(t, 'SHAPE_MISMATCH', [
    train({ kind, size: rows, yes: [0, 1] }),
    'fromInputs: targets.yes: labels has 2 values; expected one class for each of 4 samples',
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => trainer.fit(fromInputs({ inputs, labels: kind }) as never),
    'fit: heads takes labels of kind "targets", the training set has "class"',
  ]);
  await checkError(t, 'INVALID_OPTION', [
    train({}),
    'fromInputs: targets must be an object of labels by the names of heads, such as { price: [[1.5]], kind: [2] }, got an object',
  ]);

  const node = input([2]).pipe(dense({ units: 1 }));
  const broken = (outputs: object) => () => graph({ inputs: {}, outputs } as never);
  t.throws(broken({ a: node }));
  const given = input([2]);
  const of = (outputs: object) => () => graph({ inputs: { given }, outputs } as never);
  const one = given.pipe(dense({ units: 1 }));
  await checkError(t, 'INVALID_OPTION', [
    of({ a: one, b: one }),
    'graph: outputs.a and outputs.b are the same node',
  ]);
  await checkError(t, 'INVALID_OPTION', [
    of({ 'a b': one }),
    'graph: "a b" is no name of a head; names are 1 to 100 letters, digits, _ and -',
  ]);
  const single = graph({ inputs: { given }, output: one });
  await checkError(t, 'INVALID_OPTION', [
    () => new Trainer(single, { optimizer, loss: meanSquaredError(), lossWeights: { a: 1 } }),
    'Trainer: lossWeights are for models with several heads, graph({ outputs }); leave them out',
  ]);
});
