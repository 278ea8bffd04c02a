/** Steps on single batches: the bits, losses and state of `fit`, and what is refused. */
import test, { type ExecutionContext } from 'ava';
import {
  adagrad,
  adam,
  batchNorm,
  cosineDecay,
  customLoss,
  dense,
  dropout,
  embedding,
  flatten,
  fromArrays,
  fromRows,
  fromSparse,
  info,
  type LossChoice,
  type Model,
  type Optimizer,
  poisson,
  sequential,
  sgd,
  softmaxCrossEntropy,
  sparseDense,
  Trainer,
  type TrainerOptions,
} from '../../lib/index.ts';
import * as optimizers from '../../lib/optimizers/index.ts';
import { checkError, testErrors, wrongly } from './errors.ts';

/** More sizes than are kept compiled, two of them again. */
const BATCHES = [7, 3, 7, 5, 2, 11, 3, 1];

type Make = (count: number, start: number) => number[][];

const numbers = (width: number): Make => {
  return (count, start) =>
    Array.from({ length: count }, (_, row) =>
      Array.from({ length: width }, (_, column) => Math.sin(start + row * 7 + column * 3)),
    );
};

const net = (units: number) =>
  sequential({ inputShape: [3], seed: 4 }, [
    dense({ units: 9, activation: 'tanh' }),
    batchNorm(),
    dropout({ rate: 0.2 }),
    dense({ units }),
  ]);

/** Trains two equal models on the same batches, one by steps, one by runs of a batch each. */
async function compare(
  t: ExecutionContext,
  makeModel: () => Model,
  options: TrainerOptions,
  labelsOf: Make | ((count: number, start: number) => number[]),
  inputsOf: Make = numbers(3),
): Promise<void> {
  const stepping = new Trainer(makeModel(), { ...options, threads: 1 });
  const fitting = new Trainer(makeModel(), { ...options, threads: 2 });
  const { inputShape } = stepping.model;
  for (const [turn, count] of BATCHES.entries()) {
    const [inputs, labels] = [inputsOf(count, turn), labelsOf(count, turn)];
    const ids = Int32Array.from(inputs.flat());
    const readsIds = ids.every((id, i) => id === inputs.flat()[i]);
    const set = fromArrays({ inputs: readsIds ? ids : inputs, inputShape, labels: labels as number[] });
    const { epochs } = await fitting.fit(wrongly(set), { batchSize: count, shuffle: 'never' });
    t.is(stepping.trainStep(readsIds ? ids : inputs, labels), epochs[0]?.loss as number);
  }
  t.deepEqual(stepping.model.getWeights(), fitting.model.getWeights());
  const [ours, theirs] = [stepping.getOptimizerState(), fitting.getOptimizerState()];
  t.deepEqual({ ...ours, epochs: 0 }, { ...theirs, epochs: 0 });
  t.deepEqual([ours.steps, ours.epochs], [BATCHES.length, 0]);
}

for (const [kind, make] of Object.entries(optimizers)) {
  test(`the bits of fit under ${kind}`, (t) =>
    compare(
      t,
      () => net(2),
      { optimizer: (make as () => Optimizer)(), loss: 'meanSquaredError' },
      numbers(2),
    ));
}

const classes = (count: number, start: number) => Array.from({ length: count }, (_, i) => (start + i) % 3);
const signs = (count: number) => Array.from({ length: count }, (_, i) => [(i % 2) * 2 - 1, 1]);
const flags = (count: number) => Array.from({ length: count }, (_, i) => [i % 2, 1]);
const LOSSES: readonly [LossChoice, number, Parameters<typeof compare>[3]][] = [
  ['softmaxCrossEntropy', 3, classes],
  [softmaxCrossEntropy({ ignoreIndex: 1, classWeights: [1, 2, 0.5] }), 3, classes],
  ['sigmoidBinaryCrossEntropy', 2, flags],
  ['sigmoidBinaryCrossEntropy', 1, (count) => flags(count).map(([flag = 0]) => flag)],
  ['meanAbsoluteError', 2, numbers(2)],
  ['huber', 2, numbers(2)],
  ['smoothL1', 2, numbers(2)],
  ['hinge', 2, signs],
  ['squaredHinge', 2, signs],
  [poisson(), 2, flags],
];
for (const [loss, units, labelsOf] of LOSSES) {
  test(`the bits of fit under ${typeof loss === 'string' ? loss : JSON.stringify(loss)} of ${units}`, (t) =>
    compare(t, () => net(units), { optimizer: adagrad(), loss }, labelsOf));
}

test('the bits of fit with schedules, clipping, penalties, metrics and steps that may be left out', (t) =>
  compare(
    t,
    () =>
      sequential({ inputShape: [3], seed: 2 }, [
        dense({ units: 5, activation: 'relu', weightRegularizer: { l2: 0.01 } }),
        dense({ units: 3 }),
      ]),
    {
      optimizer: adam({ learningRate: cosineDecay({ from: 0.1, steps: 6 }) }),
      loss: 'softmaxCrossEntropy',
      metrics: ['accuracy', 'rocAuc', 'confusionMatrix'],
      clipGradients: { by: 'globalNorm', limit: 0.1 },
      nonFinite: 'skip',
    },
    classes,
  ));

test('the bits of fit of ids', (t) =>
  compare(
    t,
    () =>
      sequential({ inputShape: [4], seed: 2 }, [
        embedding({ rows: 20, units: 3 }),
        flatten(),
        dense({ units: 2 }),
      ]),
    { optimizer: adagrad(), loss: 'meanSquaredError' },
    numbers(2),
    (count, start) => Array.from({ length: count }, (_, i) => [0, 1, 2, 3].map((j) => (start + i * j) % 20)),
  ));

test('the bits of fit of sparse samples, with weights of samples', async (t) => {
  const make = () => sequential({ inputShape: [50], seed: 2 }, [sparseDense({ units: 3 })]);
  const options = { optimizer: adagrad(), loss: 'softmaxCrossEntropy' } as const;
  const [one, other] = [new Trainer(make(), options), new Trainer(make(), options)];
  for (const count of [1, 4, 9]) {
    const samples = Array.from({ length: count }, (_, i) =>
      Array.from({ length: 1 + i }, (_, j) => i * 5 + j),
    );
    const labels = classes(count, 0);
    const sampleWeights = Float32Array.from({ length: count }, (_, i) => i / 2);
    const set = fromSparse({ samples, inputShape: [50], labels, sampleWeights });
    const { epochs } = await other.fit(set, { batchSize: count, shuffle: 'never' });
    t.is(one.trainStep(samples, labels, { sampleWeights }), epochs[0]?.loss as number);
  }
  t.deepEqual(one.model.getWeights(), other.model.getWeights());
});

const squares = (onCall: () => void = () => {}) =>
  customLoss({
    name: 'squares',
    loss(outputs, targets) {
      onCall();
      const errors = outputs.map((output, i) => output - (targets[i] as number));
      return {
        value: errors.reduce((sum, error) => sum + error * error, 0) / errors.length,
        gradient: errors.map((error) => (2 * error) / errors.length),
      };
    },
  });

test('a custom loss is called at once, and sees a model that trains', async (t) => {
  const options = { optimizer: adagrad(), loss: squares() };
  await compare(t, () => net(2), options, numbers(2));
  const busy: unknown[] = [];
  const trainer: Trainer = new Trainer(net(2), {
    optimizer: sgd(),
    loss: squares(() => {
      for (const use of [
        () => trainer.trainStep([[1, 2, 3]], [[1, 2]]),
        () => trainer.model.setWeights(trainer.model.getWeights()),
      ]) {
        busy.push(t.throws(use, { code: 'MODEL_BUSY' }));
      }
    }),
  }) as never;
  trainer.trainStep([[1, 2, 3]], [[1, 2]]);
  t.is(busy.length, 2);
  t.notThrows(() => trainer.model.setWeights(trainer.model.getWeights()));
});

test('what a custom loss throws comes through and changes nothing', (t) => {
  const failure = new TypeError('mine');
  const loss = squares(() => {
    throw failure;
  });
  const trainer = new Trainer(net(2), { optimizer: adam(), loss });
  const weights = trainer.model.getWeights();
  t.is(
    t.throws(() => trainer.trainStep([[1, 2, 3]], [[1, 2]]), { instanceOf: TypeError }),
    failure,
  );
  t.deepEqual(trainer.model.getWeights(), weights);
  t.is(trainer.getOptimizerState().steps, 0);
});

test('runs go on from steps and steps from runs', async (t) => {
  const set = fromArrays({ inputs: numbers(3)(6, 0), inputShape: [3], labels: numbers(2)(6, 1) });
  const train = async (byStep: readonly boolean[]) => {
    const trainer = new Trainer(net(2), { optimizer: adam(), loss: 'meanSquaredError' });
    for (const each of byStep) {
      if (each) trainer.trainStep(numbers(3)(6, 0), numbers(2)(6, 1));
      else await trainer.fit(set, { batchSize: 6, shuffle: 'never' });
    }
    return trainer.model.getWeights();
  };
  const expected = await train([false, false, false, false]);
  t.deepEqual(await train([true, false, true, false]), expected);
  t.deepEqual(await train([false, true, true, true]), expected);
});

test('samples are read as predict reads them, and classify knows the loss', async (t) => {
  const model = sequential({ inputShape: [2], seed: 1 }, [dense({ units: 3 })]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 1 }),
    loss: 'softmaxCrossEntropy',
  });
  for (let i = 0; i < 50; i++)
    trainer.trainStep(
      [
        [0, 0],
        [1, 0],
        [0, 1],
      ],
      [0, 1, 2],
    );
  t.deepEqual((await model.classify([[1, 0]])).labels, Int32Array.of(1));

  const rows = [
    { size: 1, town: 'Oslo', price: 3 },
    { size: 5, town: 'Bergen', price: 9 },
  ];
  const table = await fromRows(rows, { target: 'price', labelKind: 'values' });
  const make = () => {
    const net = sequential({ inputShape: table.inputShape, seed: 1 }, [dense({ units: 1 })]);
    return new Trainer(net, { optimizer: sgd({ learningRate: 0.01 }), loss: 'meanSquaredError' });
  };
  const [one, other] = [make(), make()];
  for (const each of [one, other]) await each.fit(table);
  await other.fit(table, { batchSize: 2, shuffle: 'never' });
  // Numbers are targets to this loss, and rows are encoded.
  one.trainStep(rows, [3, 9]);
  t.deepEqual(one.model.getWeights(), other.model.getWeights());
});

test('a step that is left out says NaN and changes nothing; one that fails leaves the next one whole', (t) => {
  const make = (nonFinite: 'skip' | 'stop') =>
    new Trainer(sequential({ inputShape: [1], seed: 3 }, [dense({ units: 1 })]), {
      optimizer: sgd({ learningRate: 0.1 }),
      loss: 'meanSquaredError',
      nonFinite,
      clipGradients: { by: 'globalNorm', limit: 1 },
    });
  const [skipping, stopping, calm] = [make('skip'), make('stop'), make('stop')];
  const first = skipping.model.getWeights();
  t.is(skipping.trainStep([[3e38]], [-3e38]), Number.NaN);
  t.throws(() => stopping.trainStep([[3e38]], [-3e38]), { code: 'NOT_FINITE' });
  for (const trainer of [skipping, stopping]) {
    t.deepEqual(trainer.model.getWeights(), first);
    t.is(trainer.getOptimizerState().steps, 0);
  }
  const losses = [skipping, stopping, calm].map((trainer) => trainer.trainStep([[1]], [2]));
  t.is(new Set(losses).size, 1);
  for (const trainer of [skipping, stopping])
    t.deepEqual(trainer.model.getWeights(), calm.model.getWeights());
});

test('while a run trains the model, steps are refused', async (t) => {
  const model = sequential({ inputShape: [1] }, [dense({ units: 1 })]);
  const trainer = new Trainer(model, { optimizer: sgd(), loss: 'meanSquaredError' });
  const run = trainer.fit(fromArrays({ inputs: [[1]], inputShape: [1], labels: [[1]] }), { epochs: 1e6 });
  await checkError(t, 'MODEL_BUSY', [
    () => trainer.trainStep([[1]], [1]),
    'trainStep: the model is being trained; await its run, or stop it, first',
  ]);
  run.stop();
  await run;
  t.true(trainer.trainStep([[1]], [1]) >= 0);
  model[Symbol.dispose]();
  t.throws(() => trainer.trainStep([[1]], [1]), { code: 'MODEL_DISPOSED' });
});

test('memory does not grow with steps', (t) => {
  const trainer = new Trainer(net(2), { optimizer: adam(), loss: 'huber' });
  const step = (turn: number) => {
    const count = 1 + (turn % 9);
    trainer.trainStep(numbers(3)(count, turn), numbers(2)(count, turn));
  };
  for (let turn = 0; turn < 100; turn++) step(turn);
  const before = info().allocatedBytes;
  for (let turn = 0; turn < 2_700; turn++) step(turn + 100);
  t.true(info().allocatedBytes <= before);
});

const trainer = new Trainer(sequential({ inputShape: [2] }, [dense({ units: 3 })]), {
  optimizer: adagrad(),
  loss: 'softmaxCrossEntropy',
});
const set = fromArrays({ inputs: [[1, 2]], inputShape: [2], labels: [0] });

testErrors(test, 'INVALID_OPTION', [
  [
    () => trainer.trainStep(wrongly(set), [0]),
    'trainStep: inputs must be the samples of one batch, as predict takes them, got a Dataset; train on that with fit',
  ],
  [
    () => trainer.trainStep([[1, 2]], wrongly(undefined)),
    'trainStep: labels must be a Uint8Array, an Int32Array, a Float32Array or an array, one label a sample, got undefined',
  ],
  [
    () => trainer.trainStep([], []),
    'trainStep: inputs must be a Float32Array, a Uint8Array or an array of samples, or a Dataset, got []',
  ],
  [
    () => trainer.trainStep([[1, 2]], [0], wrongly({ sampleWeight: Float32Array.of(1) })),
    'trainStep: unknown option "sampleWeight"; did you mean "sampleWeights"?',
  ],
]);
testErrors(test, 'SHAPE_MISMATCH', [
  [() => trainer.trainStep([[1, 2, 3]], [0]), 'trainStep: inputs[0] must be an array of 2, got [1, 2, 3]'],
  [
    () => trainer.trainStep([[1, 2]], [0, 1]),
    'trainStep: labels has 2 values; expected one class for each of 1 samples',
  ],
  [
    () => trainer.trainStep([[1, 2]], [0], { sampleWeights: Float32Array.of(1, 2) }),
    'trainStep: sampleWeights has 2 values; expected one for each of 1 samples',
  ],
]);
testErrors(test, 'LABEL_OUT_OF_RANGE', [
  [
    () => trainer.trainStep([[1, 2]], [3]),
    'trainStep: in the batch sample 0 has class 3, and the model has outputs for classes 0 to 2; end it with dense({ units: 4 })',
  ],
]);
