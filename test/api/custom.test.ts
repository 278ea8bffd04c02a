/** Losses and metrics that are functions of the user's. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  adagrad,
  type CustomLossContext,
  customLoss,
  customMetric,
  dense,
  fromArrays,
  loadModel,
  sequential,
  sgd,
  Trainer,
} from '../../lib/index.ts';
import { testErrors, wrongly } from './errors.ts';

const inputs = Array.from({ length: 45 }, (_, i) => [Math.sin(i), Math.cos(3 * i), ((i * 7) % 11) / 11]);
const values = fromArrays({
  inputs,
  inputShape: [3],
  labels: inputs.map(([a = 0, b = 0, c = 0]) => [a - b, c]),
});
const classes = fromArrays({ inputs, inputShape: [3], labels: inputs.map((_, i) => i % 3) });
const net = (units = 2) =>
  sequential({ inputShape: [3], seed: 3 }, [dense({ units: 5, activation: 'tanh' }), dense({ units })]);

const squares = () =>
  customLoss({
    name: 'squares',
    loss: (outputs, targets) => {
      const errors = Float64Array.from(outputs, (output, i) => output - (targets[i] as number));
      const value = errors.reduce((sum, error) => sum + error * error, 0) / errors.length;
      return { value, gradient: errors.map((error) => (2 * error) / errors.length) };
    },
  });

const crossEntropy = () =>
  customLoss({
    name: 'crossEntropy',
    labels: 'class',
    outputs: 'classLogits',
    sampleWeights: 'given',
    loss: (outputs, targets, { batchSize, outputSize, sampleWeights }) => {
      const gradient = new Float64Array(outputs.length);
      let value = 0;
      for (let row = 0; row < batchSize; row++) {
        const weight = (sampleWeights?.[row] ?? 1) / batchSize;
        const at = row * outputSize;
        const sum = outputs.subarray(at, at + outputSize).reduce((total, z) => total + Math.exp(z), 0);
        const target = at + (targets[row] as number);
        value += weight * (Math.log(sum) - (outputs[target] as number));
        for (let i = at; i < at + outputSize; i++) {
          gradient[i] = weight * (Math.exp(outputs[i] as number) / sum - (i === target ? 1 : 0));
        }
      }
      return { value, gradient };
    },
  });

const near = (t: ExecutionContext, got: number | undefined, expected: number | undefined, tolerance = 1e-5) =>
  t.true(Math.abs((got ?? Number.NaN) - (expected ?? Number.NaN)) <= tolerance, `${got} is not ${expected}`);

test('a custom loss trains, validates and evaluates as the built-in one of the same equation', async (t) => {
  const weighted = fromArrays({
    inputs,
    inputShape: [3],
    labels: inputs.map((_, i) => i % 3),
    sampleWeights: Float32Array.from(inputs, (_, i) => i % 4),
  });
  for (const threads of [1, 2]) {
    const optimizer = sgd({ learningRate: 0.1 });
    const options = { epochs: 4, batchSize: 7, progress: 'none' } as const;
    const own = new Trainer(net(), { optimizer, loss: squares(), threads, metrics: ['r2'] });
    const builtIn = new Trainer(net(), { optimizer, loss: 'meanSquaredError', threads, metrics: ['r2'] });
    const got = await own.fit(values, { ...options, validation: values });
    const expected = await builtIn.fit(values, { ...options, validation: values });
    for (const [i, epoch] of got.epochs.entries()) {
      near(t, epoch.loss, expected.epochs[i]?.loss);
      near(t, epoch.r2, expected.epochs[i]?.r2);
      near(t, epoch.validation.loss, expected.epochs[i]?.validation.loss);
    }
    near(t, (await own.evaluate(values, { batchSize: 8 })).loss, (await builtIn.evaluate(values)).loss);

    const ownClasses = new Trainer(net(3), {
      optimizer,
      loss: crossEntropy(),
      threads,
      metrics: ['accuracy', 'f1'],
    });
    const others = new Trainer(net(3), {
      optimizer,
      loss: 'softmaxCrossEntropy',
      threads,
      metrics: ['accuracy', 'f1'],
    });
    for (const data of [classes, weighted]) {
      const ran = await ownClasses.fit(data, options);
      const wanted = await others.fit(data, options);
      near(t, ran.epochs.at(-1)?.loss, wanted.epochs.at(-1)?.loss);
      near(t, ran.epochs.at(-1)?.f1, wanted.epochs.at(-1)?.f1);
    }
  }
});

test('what a custom loss is told: batches, sizes, purpose, and copies that it may keep', async (t) => {
  const seen: (Omit<CustomLossContext, 'sampleWeights'> & { readonly outputs: Float32Array })[] = [];
  const loss = customLoss({
    name: 'spy',
    loss: (outputs, targets, { sampleWeights, ...context }) => {
      t.is(sampleWeights, undefined);
      t.is(targets.length, outputs.length);
      seen.push({ ...context, outputs });
      return { value: 1, gradient: new Float32Array(outputs.length) };
    },
  });
  const model = net();
  const before = model.getWeights();
  const trainer = new Trainer(model, { optimizer: adagrad(), loss });
  const { epochs } = await trainer.fit(values, { batchSize: 20, shuffle: 'never' });
  t.is(epochs[0]?.loss, 1);
  t.deepEqual(model.getWeights(), before);
  await trainer.evaluate(values, { batchSize: 45 });
  t.deepEqual(
    seen.map(({ batchSize, outputSize, purpose }) => [batchSize, outputSize, purpose]),
    [
      [20, 2, 'training'],
      [20, 2, 'training'],
      [5, 2, 'training'],
      [45, 2, 'evaluation'],
    ],
  );
  const { data } = await model.predict(values);
  for (const [i, output] of seen
    .slice(0, 3)
    .flatMap(({ outputs }) => [...outputs])
    .entries()) {
    near(t, output, data[i]);
  }
});

test('a custom loss computes in the floating-point mode of JavaScript, inside of a step on its thread too', async (t) => {
  const operands = new Float64Array([Number.MIN_VALUE, 1]);
  const products: number[] = [];
  const loss = customLoss({
    name: 'denormal',
    loss: (outputs) => {
      products.push((operands[0] as number) * (operands[1] as number));
      return { value: 1, gradient: new Float32Array(outputs.length) };
    },
  });
  const trainer = new Trainer(net(), { optimizer: adagrad(), loss });
  trainer.trainStep(inputs.slice(0, 2), [
    [1, 2],
    [3, 4],
  ]);
  await trainer.fit(values, { batchSize: 45 });
  t.deepEqual(products, [Number.MIN_VALUE, Number.MIN_VALUE]);
});

test('while a custom loss is awaited the model can be read, and stopped, from the loss itself too', async (t) => {
  const model = net();
  let calls = 0;
  const loss = customLoss({
    name: 'reader',
    loss: (outputs, targets) => {
      t.is(Object.keys(model.getWeights()).length, 4);
      if (++calls === 30) run.stop();
      const gradient = outputs.map((output, i) => output - (targets[i] as number));
      return { value: 1, gradient };
    },
  });
  const trainer = new Trainer(model, { optimizer: adagrad(), loss });
  const run = trainer.fit(values, { epochs: 1e6, batchSize: 5, validation: values.take(7) });
  for (let i = 0; i < 5; i++) {
    t.is((await model.predict(values)).data.length, 90);
    model.getWeights();
    await turn();
  }
  const { reason, epochs } = await run;
  t.is(reason, 'stopped');
  t.true(epochs.length < 5);
  t.true(calls >= 30 && calls <= 31);
  // The trainer goes on, with the same loss.
  calls = 100;
  t.is((await trainer.fit(values, { epochs: 2 })).reason, 'completed');
});

test('the weights may be set while an evaluation awaits its custom loss', async (t) => {
  const model = net();
  const weights = model.getWeights();
  let calls = 0;
  const loss = customLoss({
    name: 'setter',
    loss: (outputs) => {
      calls++;
      model.setWeights(weights);
      return { value: outputs.length };
    },
  });
  const results = await Promise.all([1, 2, 3].map(() => model.evaluate(values, { loss, batchSize: 9 })));
  t.deepEqual(
    results.map((result) => result.loss),
    [18, 18, 18],
  );
  t.is(calls, 15);
});

test('what a custom loss throws ends the run, and the next one is free of it', async (t) => {
  const thrown = Object.assign(new Error('no loss today'), { code: 'MINE' });
  let fails = true;
  const loss = customLoss({
    name: 'moody',
    loss: (outputs, targets) => {
      if (fails) throw thrown;
      return { value: 0, gradient: outputs.map((output, i) => output - (targets[i] as number)) };
    },
  });
  const model = net();
  const before = model.getWeights();
  const trainer = new Trainer(model, { optimizer: adagrad(), loss });
  t.is(await t.throwsAsync(Promise.resolve(trainer.fit(values))), thrown);
  t.is(await t.throwsAsync(trainer.evaluate(values)), thrown);
  t.deepEqual(model.getWeights(), before);
  fails = false;
  t.is((await trainer.fit(values)).reason, 'completed');
});

test('a loss that is not finite follows nonFinite', async (t) => {
  const loss = customLoss({
    name: 'nan',
    loss: (outputs) => ({ value: Number.NaN, gradient: new Float32Array(outputs.length) }),
  });
  const stop = new Trainer(net(), { optimizer: adagrad(), loss });
  await t.throwsAsync(Promise.resolve(stop.fit(values)), { message: /the loss is not finite at step 1/ });
  const skip = new Trainer(net(), { optimizer: adagrad(), loss, nonFinite: 'skip' });
  t.is((await skip.fit(values, { batchSize: 15 })).epochs[0]?.skippedSteps, 3);
});

const bias = customMetric({
  name: 'bias',
  compute: ({ data, samples }, targets) => {
    const sum = data.reduce((total, value, i) => total + value - (targets[i] as number), 0);
    return sum / samples;
  },
});
const counts = customMetric({
  name: 'counts',
  compute: (_, targets) => [0, 1, 2].map((label) => targets.filter((target) => target === label).length),
});

test('custom metrics see all predictions and labels, in evaluations, validation and epochs', async (t) => {
  const model = net();
  const result = await model.evaluate(values, {
    loss: 'meanSquaredError',
    metrics: [bias, 'r2'],
    batchSize: 7,
  });
  const { data } = await model.predict(values);
  let expected = 0;
  for (let i = 0; i < values.length; i++) {
    for (const [j, target] of values.labelAt(i).entries()) expected += (data[2 * i + j] ?? 0) - target;
  }
  near(t, result.bias, expected / values.length);
  const trainer = new Trainer(net(3), {
    optimizer: adagrad(),
    loss: 'softmaxCrossEntropy',
    metrics: [counts, 'accuracy'],
  });
  const { epochs } = await trainer.fit(classes, { epochs: 3, batchSize: 7, validation: classes.take(10) });
  t.is(epochs.length, 3);
  for (const { counts: seen, validation, ...facts } of epochs) {
    t.deepEqual(seen, [15, 15, 15]);
    t.deepEqual(Object.keys(facts).sort(), [
      'accuracy',
      'epoch',
      'loss',
      'peakMemory',
      'rateScale',
      'samplesPerSecond',
      'seconds',
      'skippedSteps',
      'steps',
      'validationSeconds',
    ]);
    t.deepEqual(validation.counts, [4, 3, 3]);
  }
});

test('what a custom metric throws ends the run', async (t) => {
  const thrown = new Error('no figure today');
  const metric = customMetric({
    name: 'broken',
    compute: (): number => {
      throw thrown;
    },
  });
  const trainer = new Trainer(net(), { optimizer: adagrad(), loss: 'meanSquaredError', metrics: [metric] });
  t.is(await t.throwsAsync(Promise.resolve(trainer.fit(values, { epochs: 1e6 }))), thrown);
  t.is(await t.throwsAsync(trainer.evaluate(values)), thrown);
  const iterate = async () => {
    for await (const epoch of trainer.fit(values, { epochs: 1e6 })) t.fail(String(epoch.epoch));
  };
  t.is(await t.throwsAsync(iterate()), thrown);
});

test('files name custom losses and metrics, and who loads them gives the functions again', async (t) => {
  const path = join(tmpdir(), `gradloom-custom-${process.pid}.safetensors`);
  const loss = squares();
  const trainer = new Trainer(net(), { optimizer: adagrad(), loss, metrics: [bias, 'r2'] });
  await trainer.fit(values);
  await trainer.model.save(path);
  const model = await loadModel(path);
  t.deepEqual((await model.predict(inputs)).data, (await trainer.model.predict(inputs)).data);
  await t.throwsAsync(model.evaluate(wrongly(values)), {
    code: 'INVALID_OPTION',
    message:
      'evaluate: the custom loss squares is known by its name only, as files hold no functions; give it again, { loss: customLoss(...) } to evaluate or { custom: [customLoss(...)] } to Trainer.load',
  });
  near(t, (await model.evaluate(wrongly(values), { loss })).loss, (await trainer.evaluate(values)).loss);
  await model.save(path);

  await trainer.save(path);
  const loaded = await Trainer.load(path, { custom: [loss, bias] });
  t.deepEqual(await loaded.evaluate(wrongly(values)), await trainer.evaluate(values));
  await t.throwsAsync(Trainer.load(path, { custom: [bias] }), {
    message: /the custom loss squares is known/,
  });
  await t.throwsAsync(Trainer.load(path, { custom: [loss] }), {
    message: /the custom metric "bias" is known/,
  });
});

const returning = (result: unknown) => customLoss({ name: 'mine', loss: () => wrongly(result) });
const train = (loss: ReturnType<typeof returning>) =>
  Promise.resolve(new Trainer(net(), { optimizer: adagrad(), loss }).fit(values, { batchSize: 10 }));

testErrors(test, 'INVALID_DATA', [
  [
    () => train(returning(3)),
    'the custom loss mine must return { value, gradient } with a number as value, got 3',
  ],
  [
    () => train(returning({ value: 3 })),
    'the custom loss mine must return a gradient of 20 numbers, one an output, got none',
  ],
  [
    () => train(returning({ value: 3, gradient: [1, 2] })),
    'the custom loss mine must return a gradient of 20 numbers, one an output, got 2',
  ],
  [
    () =>
      net().evaluate(
        fromArrays({
          inputs: [[1, 2, 3]],
          inputShape: [3],
          labels: [[1, 2]],
          sampleWeights: Float32Array.of(2),
        }),
        { loss: squares() },
      ),
    'evaluate: in the dataset there are sampleWeights, which the custom loss squares does not read; let it, with sampleWeights: "given"',
  ],
  [
    () =>
      net().evaluate(values, {
        loss: 'meanSquaredError',
        metrics: [customMetric({ name: 'text', compute: () => wrongly('high') })],
      }),
    'the custom metric text must return a number, a list or a matrix of numbers, got "high"',
  ],
]);
testErrors(test, 'INVALID_OPTION', [
  [() => customLoss(wrongly({ name: 'mine' })), 'customLoss: loss is missing; it must be a function'],
  [
    () => customMetric({ name: 'epoch', compute: () => 1 }),
    'customMetric: name cannot be "epoch", which epochs have for something else; choose another',
  ],
  [
    () => new Trainer(net(1), { optimizer: adagrad(), loss: crossEntropy() }),
    'Trainer: crossEntropy with class labels needs one output a class, and the model gives [1]; end it with dense({ units: <classes> }), or take labels as values',
  ],
  [
    () => new Trainer(net(), { optimizer: adagrad(), loss: squares(), metrics: ['accuracy'] }),
    "Trainer: the metric accuracy looks for the largest of several classes' outputs, which squares does not have; use meanAbsoluteError",
  ],
  [
    () => new Trainer(net(), { optimizer: adagrad(), loss: squares(), metrics: [bias, bias] }),
    'Trainer: the metric bias is named twice',
  ],
]);
