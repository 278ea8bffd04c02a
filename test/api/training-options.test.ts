/** Schedules, groups, clipping, accumulation and penalties through the public interface. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { fromArrays } from '../../lib/datasets/index.ts';
import { batchNorm, conv2d, dense, flatten } from '../../lib/layers/index.ts';
import { sequential } from '../../lib/models/index.ts';
import { adagrad, adamW, ftrl, type SgdOptions, sgd } from '../../lib/optimizers/index.ts';
import { stepDecay } from '../../lib/schedules/index.ts';
import { type StepInspection, Trainer, type TrainerOptions } from '../../lib/trainers/index.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

const data = fromArrays({
  inputs: Float32Array.from({ length: 40 * 3 }, (_, i) => Math.sin(i * i)),
  inputShape: [3],
  labels: Float32Array.from({ length: 40 * 2 }, (_, i) => Math.cos(i)),
  labelShape: [2],
});

function makeModel() {
  return sequential({ inputShape: [3], seed: 4 }, [
    dense({ units: 5, activation: 'tanh' }),
    dense({ units: 2 }),
  ]);
}

function train(optimizer: TrainerOptions['optimizer'], rest: Partial<TrainerOptions> = {}) {
  const model = makeModel();
  const trainer = new Trainer(model, { ...rest, optimizer, loss: 'meanSquaredError', seed: 2 });
  return { model, trainer };
}

const weightsOf = (model: ReturnType<typeof makeModel>) =>
  Object.values(model.getWeights()).map(({ data }) => [...data]);

test('a schedule gives each step its rate, over several runs, and so does a function', async (t) => {
  const rate = { from: 0.1, every: 3, factor: 0.5 };
  const scheduled = train(sgd({ learningRate: stepDecay(rate) }));
  const computed = train(sgd({ learningRate: (step) => 0.1 * 0.5 ** Math.floor(step / 3) }));
  // Five steps an epoch.
  for (const { trainer } of [scheduled, computed]) {
    await trainer.fit(data, { epochs: 2, batchSize: 8, progress: 'none' });
    await trainer.fit(data, { epochs: 1, batchSize: 8, progress: 'none' });
  }
  t.deepEqual(weightsOf(computed.model), weightsOf(scheduled.model));
  const constant = train(sgd({ learningRate: 0.1 }));
  await constant.trainer.fit(data, { epochs: 3, batchSize: 8, progress: 'none' });
  t.notDeepEqual(weightsOf(constant.model), weightsOf(scheduled.model));
});

test('rates are asked for piece by piece, also by runs of more steps than a piece has', async (t) => {
  const seen: number[] = [];
  const { trainer } = train(
    sgd({
      learningRate: (step) => {
        seen.push(step);
        return 0.01 / (1 + step);
      },
    }),
  );
  const { epochs } = await trainer.fit(data, { epochs: 20_000, batchSize: 40, progress: 'none' });
  t.is(epochs.length, 20_000);
  t.is(epochs[19_999]?.steps, 20_000);
  // From 0 on in order; what is asked of step 0 at the start decides the description's rate.
  t.true(seen.length >= 20_000 && seen.length < 20_000 + 3 * 8192);
  const ahead = seen.slice(seen.lastIndexOf(0));
  t.true(ahead.every((step, place) => step === place));
});

test("what a schedule's function throws, or a rate that is none, ends the run with that error", async (t) => {
  const failure = new Error('no rate');
  const thrower = train(
    sgd({
      learningRate: (step) => {
        if (step > 9000) throw failure;
        return 0.1;
      },
    }),
  );
  const error = await t.throwsAsync(async () => {
    await thrower.trainer.fit(data, { epochs: 20_000, batchSize: 40, progress: 'none' });
  });
  t.is(error, failure);
  const negative = train(sgd({ learningRate: (step) => 1 - step }));
  await t.throwsAsync(async () => void (await negative.trainer.fit(data, { progress: 'none' })), {
    code: 'INVALID_OPTION',
    message: 'learningRate: the schedule must give a finite number of at least 0, got -1 for step 2',
  });
});

test('a checkpoint keeps schedule, clipping and groups; a function is given again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gradloom-options-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'trainer.safetensors');
  const make = (learningRate: SgdOptions['learningRate']) =>
    train(
      sgd({
        learningRate: learningRate ?? 0,
        momentum: 0.9,
        groups: [{ parameters: '*.bias', learningRateMultiplier: 0.5, weightDecay: 0 }],
        weightDecay: 0.01,
      }),
      { clipGradients: { by: 'globalNorm', limit: 0.3 } },
    );
  const fit = { epochs: 1, batchSize: 8, progress: 'none' } as const;
  for (const rate of [stepDecay({ from: 0.1, every: 2 }), (step: number) => 0.1 / (1 + step)]) {
    const whole = make(rate);
    await whole.trainer.fit(data, { ...fit, epochs: 2 });
    const half = make(rate);
    await half.trainer.fit(data, fit);
    await half.trainer.save(path);
    if (typeof rate === 'function') {
      await t.throwsAsync(Trainer.load(path), {
        code: 'INVALID_OPTION',
        message: /the learning rate was a function/,
      });
    }
    const again = await Trainer.load(path, typeof rate === 'function' ? { learningRate: rate } : {});
    await (again as unknown as typeof half.trainer).fit(data, fit);
    t.deepEqual(weightsOf(again.model as never), weightsOf(whole.model));
  }
});

test('groups: no decay on biases and normalisation, slower layers', async (t) => {
  const model = sequential({ inputShape: [3], seed: 4 }, [
    dense({ units: 5 }),
    batchNorm(),
    dense({ units: 2, biasInitializer: { kind: 'constant', value: 1 } }),
  ]);
  const before = model.getWeights();
  const optimizer = adamW({
    learningRate: 0.1,
    weightDecay: 0.5,
    groups: [
      { parameters: ['*.bias', 'batchNorm_*'], weightDecay: 0 },
      { parameters: 'dense_2.*', learningRateMultiplier: 0 },
    ],
  });
  const trainer = new Trainer(model, { optimizer, loss: 'meanSquaredError' });
  await trainer.fit(data, { batchSize: 40, progress: 'none' });
  const after = model.getWeights();
  const moved = (name: string) =>
    Array.from(after[name]?.data ?? [], (value, i) => value - (before[name]?.data[i] as number));
  t.true(moved('dense_2.weight').every((step) => step === 0));
  t.true(moved('dense_2.bias').every((step) => step === 0));
  // Adam's first step is one of the rate, whatever the gradient; decay adds half of the weight to it.
  t.true(moved('batchNorm_1.weight').every((step) => Math.abs(Math.abs(step) - 0.1) < 1e-3));
  const decayed = moved('dense_1.weight').map(
    (step, i) => step + 0.1 * 0.5 * (before['dense_1.weight']?.data[i] as number),
  );
  t.true(decayed.every((step) => Math.abs(Math.abs(step) - 0.1) < 1e-3));
});

test('batchesPerStep: a step of four batches of ten is one of forty', async (t) => {
  const large = train(adagrad({ learningRate: 0.1 }));
  await large.trainer.fit(data, { epochs: 5, batchSize: 40, shuffle: 'never', progress: 'none' });
  const small = train(adagrad({ learningRate: 0.1 }));
  const { epochs } = await small.trainer.fit(data, {
    epochs: 5,
    batchSize: 10,
    batchesPerStep: 4,
    shuffle: 'never',
    progress: 'none',
  });
  t.is(epochs[4]?.steps, 5);
  const expected = weightsOf(large.model).flat();
  t.true(
    weightsOf(small.model)
      .flat()
      .every((value, i) => Math.abs(value - (expected[i] as number)) < 1e-5),
  );
});

test('weightRegularizer: the penalty stands in the record, and weights stay smaller', async (t) => {
  const trainWith = async (l2: number) => {
    const model = sequential({ inputShape: [3], seed: 4 }, [dense({ units: 2, weightRegularizer: { l2 } })]);
    const trainer = new Trainer(model, { optimizer: sgd({ learningRate: 0.1 }), loss: 'meanSquaredError' });
    const { epochs } = await trainer.fit(data, { epochs: 30, progress: 'none' });
    const squares = [...(model.getWeights()['dense_1.weight']?.data ?? [])].reduce(
      (sum, w) => sum + w * w,
      0,
    );
    return { penalty: epochs[29]?.penalty, squares };
  };
  const free = await trainWith(0);
  const held = await trainWith(0.5);
  t.is(free.penalty, undefined);
  t.true(Math.abs((held.penalty as number) - 0.5 * held.squares) < 1e-6);
  t.true(held.squares < free.squares);
});

test('weightRegularizer of conv2d pulls each weight by its own gradient, in whatever order the kernel keeps it', async (t) => {
  const images = fromArrays({
    inputs: Float32Array.from({ length: 8 * 6 * 5 * 3 }, (_, i) => Math.sin(i)),
    inputShape: [6, 5, 3],
    labels: Float32Array.from({ length: 8 * 2 }, (_, i) => Math.cos(i)),
    labelShape: [2],
  });
  const stepOf = async (weightRegularizer: { l1?: number; l2?: number }) => {
    const model = sequential({ inputShape: [6, 5, 3], seed: 4 }, [
      conv2d({ filters: 7, kernelSize: [3, 2], activation: 'tanh', weightRegularizer }),
      flatten(),
      dense({ units: 2 }),
    ]);
    const before = model.getWeights()['conv2d_1.weight']?.data as Float32Array;
    const trainer = new Trainer(model, { optimizer: sgd({ learningRate: 1 }), loss: 'meanSquaredError' });
    await trainer.fit(images, { batchSize: 8, progress: 'none' });
    return { before, after: model.getWeights()['conv2d_1.weight']?.data as Float32Array };
  };
  const plain = await stepOf({});
  const held = await stepOf({ l1: 0.01, l2: 0.05 });
  const expected = plain.after.map((w, i) => {
    const start = plain.before[i] as number;
    return w - (0.01 * Math.sign(start) + 0.1 * start);
  });
  t.true(held.after.every((w, i) => Math.abs(w - (expected[i] as number)) < 1e-6));
});

test('inspect tells of every fifth step, and the state is there to be read', async (t) => {
  const { model, trainer } = train(adagrad({ learningRate: 0.5 }));
  const seen: StepInspection[] = [];
  await trainer.fit(data, {
    epochs: 3,
    batchSize: 8,
    progress: 'none',
    inspect: { everySteps: 5, onStep: (step) => seen.push(step) },
  });
  const plain = train(adagrad({ learningRate: 0.5 }));
  await plain.trainer.fit(data, { epochs: 3, batchSize: 8, progress: 'none' });
  t.deepEqual(weightsOf(model), weightsOf(plain.model));
  t.deepEqual(
    seen.map(({ step }) => step),
    [5, 10, 15],
  );
  const names = ['dense_1.weight', 'dense_1.bias', 'dense_2.weight', 'dense_2.bias'];
  t.deepEqual(
    seen[2]?.parameters.map(({ name }) => name),
    names,
  );
  const state = trainer.getOptimizerState();
  const rates = trainer.getEffectiveLearningRates();
  t.is(state.steps, 15);
  for (const [place, name] of names.entries()) {
    const sums = state.tensors[`${name}.accumulator`];
    const expected = Array.from(sums?.data ?? [], (s) => 0.5 / (Math.sqrt(s) + 1e-10));
    t.deepEqual(rates[name]?.shape, sums?.shape);
    t.true(expected.every((rate, i) => Math.abs((rates[name]?.data[i] as number) / rate - 1) < 1e-6));
    const mean = expected.reduce((sum, rate) => sum + rate, 0) / expected.length;
    t.true(Math.abs((seen[2]?.parameters[place]?.meanRate as number) / mean - 1) < 1e-5);
  }
  const failure = new Error('looked away');
  const thrower = train(adagrad());
  const error = await t.throwsAsync(async () => {
    await thrower.trainer.fit(data, {
      epochs: 100_000,
      progress: 'none',
      inspect: {
        onStep: () => {
          throw failure;
        },
      },
    });
  });
  t.is(error, failure);
});

const options = { loss: 'meanSquaredError' } as const;
const WRONG: readonly WrongUse[] = [
  [
    () => new Trainer(makeModel(), { ...options, optimizer: ftrl(), clipGradients: wrongly(1) }),
    "Trainer: clipGradients must be an object such as { by: 'globalNorm', limit: 1 }, got 1",
  ],
  [
    () =>
      new Trainer(makeModel(), { ...options, optimizer: ftrl(), clipGradients: { by: 'norm', limit: 0 } }),
    'clipGradients: limit must be a finite number above 0, got 0',
  ],
  [
    () =>
      new Trainer(makeModel(), {
        ...options,
        optimizer: sgd({ groups: [{ parameters: 'dense_3.*', learningRateMultiplier: 2 }] }),
      }),
    'Trainer: a group of the optimizer names "dense_3.*", but there is no such parameter; there are dense_1.weight, dense_1.bias, dense_2.weight and dense_2.bias',
  ],
  [
    () => train(sgd()).trainer.fit(data, { batchesPerStep: 0 }),
    'fit: batchesPerStep must be an integer from 1 to 2147483647, got 0',
  ],
  [
    () => dense({ units: 2, weightRegularizer: wrongly({ l3: 1 }) }),
    'weightRegularizer: unknown option "l3"; did you mean "l1"?',
  ],
];

testErrors(test, 'INVALID_OPTION', WRONG);
