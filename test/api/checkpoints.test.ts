/** Checkpoints of runs, and runs that go on from them. Threads: 1, on the smallest of nets. */
import assert from 'node:assert';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  adagrad,
  batchNorm,
  type CheckpointInfo,
  customLoss,
  customMetric,
  dense,
  dropout,
  type EpochRecord,
  embeddingBag,
  type FitOptions,
  f1,
  fromArrays,
  fromInputs,
  fromSparse,
  graph,
  input,
  iris,
  type LossChoice,
  listCheckpoints,
  loadModel,
  type MetricChoice,
  sequential,
  sgd,
  softmaxCrossEntropy,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { EpochLines } from '../../lib/trainers/checkpoints/epoch-lines.ts';
import { collectGarbage } from '../prove/promise.ts';
import { checkError, wrongly } from './errors.ts';

const [train, validation] = standardize(
  ...(await iris()).split({ fraction: 0.8, seed: 1, stratify: 'labels' }),
);

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-checkpoints-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

function irisTrainer(
  metrics: readonly MetricChoice[] = ['accuracy', 'rocAuc'],
  loss: LossChoice = 'softmaxCrossEntropy',
) {
  const model = sequential({ inputShape: [4], seed: 1 }, [
    dense({ units: 8, activation: 'tanh' }),
    batchNorm(),
    dropout({ rate: 0.2 }),
    dense({ units: 3 }),
  ]);
  const optimizer = adagrad({ learningRate: 0.1 });
  return new Trainer(model, { optimizer, loss, metrics, seed: 3, threads: 1 });
}

/** What has to be equal: clocks and memory are not. */
function figuresOf(epochs: readonly EpochRecord[]): unknown[] {
  return epochs.map(({ seconds, validationSeconds, samplesPerSecond, peakMemory, ...figures }) => figures);
}

const names = async (folder: string) => (await readdir(folder)).sort();

test('a run goes on from any step of any epoch with the bits that it would have had', async (t) => {
  const options = {
    epochs: 4,
    batchSize: 50,
    validation,
    reduceOnPlateau: { monitor: 'loss', patience: 1, minDelta: 0.2, factor: 0.5 },
    earlyStopping: { monitor: 'validation.loss', patience: 2, restoreBest: true },
  } as const;
  const reference = irisTrainer();
  const whole = await reference.fit(train, options);
  t.true(whole.epochs.some(({ rateScale }) => rateScale < 1));

  for (let steps = 1; steps <= 12; steps++) {
    const folder = await newFolder(t);
    const checkpoint = { folder, everySteps: 1, keepLast: 1 };
    const cut = irisTrainer().fit(train, { ...options, checkpoint, maxSteps: steps });
    const reason = (await cut).reason;
    t.is(reason, steps < 12 ? 'maxSteps' : 'completed');
    const {
      trainer,
      run,
      checkpoint: from,
    } = await Trainer.resume(folder, train, {
      validation,
      maxSteps: 1000,
    });
    t.true(from.endsWith(`step-${String(steps).padStart(12, '0')}.safetensors`));
    const history = await run;
    t.is(history.reason, whole.reason);
    t.deepEqual(figuresOf(history.epochs), figuresOf(whole.epochs));
    t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
    const [a, b] = [reference, trainer].map((each) => join(folder, each === trainer ? 'a' : 'b'));
    await Promise.all([reference.save(a as string), trainer.save(b as string)]);
    t.deepEqual(await readFile(a as string), await readFile(b as string));
  }
});

test.serial('a run that goes on does not hold what it was read from', async (t) => {
  const folder = await newFolder(t);
  const checkpoint = { folder, everySteps: 1_000_000 };
  const model = sequential({ inputShape: [4] }, [dense({ units: 400_000 }), dense({ units: 3 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  const earlyStopping = { monitor: 'loss', patience: 9, restoreBest: true } as const;
  await trainer.fit(train, { epochs: 9, batchSize: 60, maxSteps: 3, earlyStopping, checkpoint });
  await collectGarbage();
  const { arrayBuffers: before } = process.memoryUsage();
  let held = 0;
  const onEpochEnd = async () => {
    await collectGarbage();
    held = process.memoryUsage().arrayBuffers - before;
  };
  await (await Trainer.resume(folder, train, { maxSteps: 1, onEpochEnd })).run;
  // Of 38 MB: weights, states and the weights of the best epoch.
  t.true(held < 2_000_000, `${held} bytes`);
});

test('each epoch is written out once, however many checkpoints hold it', async (t) => {
  const written: number[] = [];
  const epochs = Array.from({ length: 3000 }, (_, epoch) => ({
    epoch,
    loss: [0.5, Number.NaN, -0, Number.NEGATIVE_INFINITY][epoch % 4],
    get seconds() {
      written.push(epoch);
      return 1;
    },
  }));
  const plain = (count: number) =>
    epochs.slice(0, count).map(({ epoch, loss }) => ({ epoch, loss, seconds: 1 }));
  const lines = new EpochLines();
  const first = lines.of(epochs.slice(0, 2));
  const bytes = first.slice();
  const second = lines.of(epochs);
  t.deepEqual(
    written,
    epochs.map(({ epoch }) => epoch),
  );
  t.deepEqual(first, bytes);
  t.deepEqual((await EpochLines.read(first)).epochs, plain(2));
  const read = EpochLines.read(second);
  let hasTurned = false;
  setImmediate(() => {
    hasTurned = true;
  });
  const { epochs: all, lines: more } = await read;
  t.true(hasTurned);
  t.deepEqual(all, plain(3000));
  t.deepEqual((await EpochLines.read(more.of([...all, { epoch: 3000 }]))).epochs, [
    ...plain(3000),
    { epoch: 3000 },
  ]);
});

test('a run that is stopped leaves a checkpoint of where it stopped', async (t) => {
  const folder = await newFolder(t);
  const trainer = irisTrainer();
  const run = trainer.fit(train, {
    epochs: 1000,
    batchSize: 50,
    checkpoint: { folder, everySteps: 1_000_000 },
    onEpochEnd: ({ epoch }, self) => epoch === 3 && self.stop(),
  });
  t.is((await run).reason, 'stopped');
  t.deepEqual(await names(folder), ['step-000000000009.safetensors']);
  const resumed = await Trainer.resume(folder, train, { epochs: 5 });
  t.is((await resumed.run).epochs.length, 5);
  t.deepEqual(await names(folder), ['step-000000000009.safetensors', 'step-000000000015.safetensors']);
});

test('one whose validation is stopped is of the epoch that was trained', async (t) => {
  const folder = await newFolder(t);
  const batches = 10;
  const long = validation.select(new Uint32Array(50 * batches));
  // Stops the run from within its first evaluation, whose other batches are then left out.
  let evaluated = 0;
  const loss = customLoss({
    name: 'stops',
    labels: 'class',
    outputs: 'classLogits',
    loss: (outputs, _, { purpose }) => {
      if (purpose === 'evaluation' && ++evaluated === 1) run.stop();
      return { value: 1, gradient: outputs };
    },
  });
  const told: CheckpointInfo[] = [];
  const run = irisTrainer(['accuracy'], loss).fit(train, {
    batchSize: 50,
    validation: long,
    checkpoint: { folder },
    onCheckpoint: (info) => told.push(info),
  });
  const { reason, epochs } = await run;
  t.is(reason, 'stopped');
  t.like(told.at(-1), { steps: 3, epoch: 1, isLast: true });
  t.is(epochs.length, 0);
  t.is(evaluated, 1);
  const resumed = await Trainer.resume(folder, train, { validation: long, custom: [loss] });
  t.deepEqual(
    (await resumed.run).epochs.map(({ epoch }) => epoch),
    [1],
  );
  t.is(evaluated, 1 + batches);
});

test('an aborted run too', async (t) => {
  const folder = await newFolder(t);
  const controller = new AbortController();
  const run = irisTrainer().fit(train, {
    epochs: 1_000_000,
    signal: controller.signal,
    checkpoint: { folder },
    onBatchEnd: () => controller.abort(),
    batchInterval: 0,
  });
  t.is((await run).reason, 'stopped');
  const { run: rest } = await Trainer.resume(folder, train, { maxSteps: 3 });
  t.is((await rest).reason, 'maxSteps');
});

test('a run that had ended ends again, more epochs let it go on', async (t) => {
  const folder = await newFolder(t);
  const trainer = irisTrainer();
  const history = await trainer.fit(train, { epochs: 2, checkpoint: { folder } });
  const again = await Trainer.resume(folder, train);
  t.deepEqual(await again.run, history);
  const more = await Trainer.resume(folder, train, { epochs: 3 });
  t.is((await more.run).epochs.length, 3);
  await trainer.fit(train, { epochs: 1 });
  t.deepEqual(more.trainer.model.getWeights(), trainer.model.getWeights());
});

test('early stopping stays the end of a run', async (t) => {
  const folder = await newFolder(t);
  let epoch = 0;
  const figure = customMetric({ name: 'figure', compute: () => [3, 1, 2, 5][epoch++] ?? 0 });
  const trainer = irisTrainer([figure]);
  const earlyStopping = { monitor: 'figure', mode: 'min', patience: 2, restoreBest: true } as const;
  const { reason, epochs } = await trainer.fit(train, { epochs: 9, earlyStopping, checkpoint: { folder } });
  t.deepEqual([reason, epochs.length], ['earlyStopping', 4]);
  const again = await Trainer.resume(folder, train, { custom: [figure] });
  t.deepEqual(await again.run, { reason, epochs });
  t.deepEqual(again.trainer.model.getWeights(), trainer.model.getWeights());
});

test('a custom loss and custom metrics are given again', async (t) => {
  const folder = await newFolder(t);
  const loss = customLoss({
    name: 'mine',
    labels: 'class',
    loss: (outputs) => ({ value: outputs[0] ?? 0, gradient: outputs.map((output) => output / 10) }),
  });
  const make = () => {
    const model = sequential({ inputShape: [4], seed: 1 }, [dense({ units: 3 })]);
    return new Trainer(model, { optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), loss, threads: 1 });
  };
  const reference = make();
  await reference.fit(train, { epochs: 2 });
  await make().fit(train, { epochs: 2, maxSteps: 6, checkpoint: { folder } });
  // No fault of the file, which whoever goes by the code may throw away.
  const code = 'INVALID_OPTION';
  await t.throwsAsync(Trainer.resume(folder, train), { code, message: /mine is known by its name only/ });
  const [checkpoint] = await listCheckpoints(folder);
  await t.throwsAsync(Trainer.load(checkpoint?.path ?? ''), { code });
  await t.notThrowsAsync(Trainer.load(checkpoint?.path ?? '', { loss }));
  const other = customLoss({ name: 'mine', loss: () => ({ value: 0, gradient: [0] }) });
  await checkError(t, code, [
    () => Trainer.load(checkpoint?.path ?? '', { loss: other }),
    'Trainer.load: the custom loss "mine" has the labels "class", got one with "values"; give the one that was trained with',
  ]);
  const mean = customMetric({ name: 'mean', compute: () => 1 });
  await irisTrainer([mean]).save(join(folder, 'metric.safetensors'));
  await t.throwsAsync(Trainer.load(join(folder, 'metric.safetensors')), {
    code,
    message: /the custom metric "mean"/,
  });
  const { trainer, run } = await Trainer.resume(folder, train, { custom: [loss], maxSteps: 100 });
  await run;
  t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
});

test('a run and a trainer that are read say which of their metrics types know: those that they have, with their options', async (t) => {
  const folder = await newFolder(t);
  const mean = customMetric({ name: 'mean', compute: ({ data }) => [data.length] });
  const trainer = irisTrainer(['accuracy', mean, f1({ average: 'none' })]);
  const history = await trainer.fit(train, { epochs: 2, validation, checkpoint: { folder } });
  const path = (await listCheckpoints(folder))[0]?.path as string;
  // The custom metric is given again by this, and what is not named is there as well.
  for (const metrics of [['accuracy', mean, f1({ average: 'none' })], [mean], [mean, 'accuracy']] as const) {
    const { run, trainer: again } = await Trainer.resume(folder, train, { validation, metrics });
    t.deepEqual(await run, history);
    const figures = await again.evaluate(validation);
    t.deepEqual(figures, await trainer.evaluate(validation));
    t.deepEqual(figures.mean, history.epochs[1]?.validation.mean);
    const loaded = await Trainer.load(path, { metrics });
    t.deepEqual(await loaded.evaluate(validation), figures);
  }
  for (const [metrics, got] of [
    [[mean, 'rocAuc'], 'rocAuc'],
    [[mean, f1()], 'f1 with other options'],
  ] as const) {
    const message = `metrics must be some of the saved trainer's, accuracy, mean and f1, got ${got}; leave it out, or ask model.evaluate for it`;
    for (const [operation, ask] of [
      ['Trainer.resume', () => Trainer.resume(folder, train, { validation, metrics })],
      ['Trainer.load', () => Trainer.load(path, { metrics })],
    ] as const) {
      await checkError(t, 'INVALID_OPTION', [ask, `${operation}: ${message}`]);
    }
  }
  const wrong = Trainer.load(path, { metrics: [mean, wrongly('acuracy')] });
  await t.throwsAsync(wrong, {
    code: 'INVALID_OPTION',
    message: /^Trainer\.load: metrics\[1\] has the unknown kind "acuracy"; /,
  });
});

test('a run and a trainer that are read say which loss they have, with its options', async (t) => {
  const folder = await newFolder(t);
  const loss = softmaxCrossEntropy({ labelSmoothing: 0.1 });
  const trainer = irisTrainer([], loss);
  const history = await trainer.fit(train, { epochs: 2, checkpoint: { folder } });
  const path = (await listCheckpoints(folder))[0]?.path as string;
  t.deepEqual(await (await Trainer.resume(folder, train, { loss })).run, history as never);
  const loaded = await Trainer.load(path, { loss });
  t.deepEqual(await loaded.evaluate(validation), await trainer.evaluate(validation));
  for (const [given, got] of [
    ['hinge', 'hinge'],
    [wrongly({ kind: 'heads', heads: [] }), 'heads'],
    [softmaxCrossEntropy(), 'softmaxCrossEntropy with other options'],
  ] as const) {
    const message = `loss must be the saved trainer's, softmaxCrossEntropy, got ${got}; leave it out, or begin with a new trainer`;
    await checkError(t, 'INVALID_OPTION', [
      () => Trainer.resume(folder, train, { loss: given }),
      `Trainer.resume: ${message}`,
    ]);
    await checkError(t, 'INVALID_OPTION', [
      () => Trainer.load(path, { loss: given }),
      `Trainer.load: ${message}`,
    ]);
  }
  // The folder is free again.
  await (await Trainer.resume(folder, train)).run;
});

test('metrics and losses of a run with several heads are named by head', async (t) => {
  const folder = await newFolder(t);
  const x = input([2]);
  const outputs = { kind: x.pipe(dense({ units: 2 })), price: x.pipe(dense({ units: 1 })) };
  const trainer = new Trainer(graph({ inputs: { x }, outputs, seed: 1 }), {
    optimizer: sgd(),
    loss: { kind: 'softmaxCrossEntropy', price: 'meanSquaredError' },
    metrics: { kind: ['accuracy'], price: ['r2'] },
  });
  const inputs = {
    x: fromArrays({
      inputs: [
        [1, 2],
        [2, 0],
        [0, 3],
      ],
      inputShape: [2],
    }),
  };
  const set = fromInputs({ inputs, targets: { kind: [0, 1, 0], price: [[1.5], [2], [0]] } });
  const history = await trainer.fit(set, { epochs: 2, checkpoint: { folder } });
  const { run } = await Trainer.resume(folder, set, { metrics: { kind: ['accuracy'] } });
  const { epochs } = await run;
  t.is(epochs[1]?.kind_accuracy, history.epochs[1]?.kind_accuracy);
  t.deepEqual(epochs, history.epochs as unknown as typeof epochs);
  const loss = { kind: 'softmaxCrossEntropy', price: 'meanSquaredError' } as const;
  const typed = await Trainer.resume(folder, set, { loss, metrics: { kind: ['accuracy'] } });
  t.is((await typed.run).epochs[1]?.price_loss, history.epochs[1]?.price_loss);
  const other = { ...loss, price: 'huber' } as const;
  await checkError(t, 'INVALID_OPTION', [
    () => Trainer.resume(folder, set, { loss: other }),
    "Trainer.resume: loss.price must be the saved trainer's, meanSquaredError, got huber; leave it out, or begin with a new trainer",
  ]);
  const others = Trainer.resume(folder, set, { metrics: { price: ['meanAbsoluteError'] } });
  await t.throwsAsync(others, {
    code: 'INVALID_OPTION',
    message: /kind_accuracy, price_r2, .*, got price_meanAbsoluteError; /,
  });
});

test('the latest stay, and the best one', async (t) => {
  const folder = await newFolder(t);
  let epoch = 0;
  const figure = customMetric({ name: 'figure', compute: () => [1, 5, 2, 3, 4][epoch++] ?? 0 });
  const trainer = irisTrainer([figure]);
  const told: CheckpointInfo[] = [];
  const weights: unknown[] = [];
  await trainer.fit(train, {
    epochs: 5,
    checkpoint: { folder, keepLast: 2, keepBest: { metric: 'figure', mode: 'max' } },
    onCheckpoint: (info) => told.push(info),
    async onEpochEnd({ epoch: number }) {
      weights.push(trainer.model.getWeights());
      // One that is due waits for the one before to be written, and this run is fast.
      while (number > 1 && told.at(-1)?.steps !== 4 * (number - 1)) await sleep(1);
    },
  });
  t.deepEqual(await names(folder), [
    'best.safetensors',
    'step-000000000016.safetensors',
    'step-000000000020.safetensors',
  ]);
  t.deepEqual((await loadModel(join(folder, 'best.safetensors'))).getWeights(), wrongly(weights[1]));
  t.deepEqual(
    told.filter(({ isBest }) => isBest).map(({ steps }) => steps),
    [4, 8],
  );
  t.like(told.at(-1), { steps: 20, epoch: 5, isLast: true, isBest: false });
  t.deepEqual(
    (await listCheckpoints(folder)).map(({ steps }) => steps),
    [20, 16],
  );
  const loaded = await Trainer.load(join(folder, 'step-000000000016.safetensors'), { custom: [figure] });
  t.deepEqual(loaded.model.getWeights(), wrongly(weights[3]));
});

test.serial('a damaged checkpoint is left out for the one before', async (t) => {
  const folder = await newFolder(t);
  const reference = irisTrainer();
  await reference.fit(train, { epochs: 3, batchSize: 50 });
  const checkpoint = { folder, everySteps: 1_000_000 };
  await irisTrainer().fit(train, { epochs: 3, batchSize: 50, maxSteps: 6, checkpoint });
  await (await Trainer.resume(folder, train, { maxSteps: 2 })).run;
  await (await Trainer.resume(folder, train, { maxSteps: 100 })).run;
  const [latest, middle] = await listCheckpoints(folder);
  await truncate(latest?.path ?? '', 1000);
  const bytes = await readFile(middle?.path ?? '');
  bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
  await writeFile(middle?.path ?? '', bytes);
  const warnings: string[] = [];
  const listen = (warning: Error) => warnings.push(warning.message);
  process.on('warning', listen);
  const { trainer, run, checkpoint: from } = await Trainer.resume(folder, train, { maxSteps: 100 });
  await run;
  process.removeListener('warning', listen);
  t.true(from.endsWith('step-000000000006.safetensors'));
  t.is(warnings.length, 2);
  t.regex(warnings[1] ?? '', /a checkpoint is left out: .*it changed after it was written/);
  t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
  // The run has come to the latest one again, which is whole now.
  t.is((await (await Trainer.resume(folder, train)).run).epochs.length, 3);

  for (const { path } of await listCheckpoints(folder)) await truncate(path, 10);
  await t.throwsAsync(Trainer.resume(folder, train), { message: /step-000000000009/ });
});

test('what a process left behind is swept away', async (t) => {
  const folder = await newFolder(t);
  await writeFile(join(folder, '.gradloom-0000.tmp'), 'half');
  await writeFile(join(folder, 'notes.txt'), 'mine');
  await sleep(20);
  await irisTrainer().fit(train, { checkpoint: { folder } });
  t.deepEqual(await names(folder), ['notes.txt', 'step-000000000004.safetensors']);
});

test('the folder is made with those above it; where that cannot be, it is told at once', async (t) => {
  const folder = await newFolder(t);
  await irisTrainer().fit(train, { checkpoint: { folder: join(folder, 'a', 'b') } });
  t.deepEqual(await names(join(folder, 'a', 'b')), ['step-000000000004.safetensors']);
  await writeFile(join(folder, 'file'), '');
  await symlink('nowhere', join(folder, 'link'));
  const refuse = (path: string, what: string) =>
    checkError(t, 'INVALID_OPTION', [
      () => irisTrainer().fit(train, { checkpoint: { folder: path } }),
      `${path}: ${what}; give the path of one`,
    ]);
  for (const name of ['file', 'link']) {
    await refuse(join(folder, name), 'this is no folder');
    await refuse(join(folder, name, 'a'), 'this is no folder');
  }
  // Where a file system says that the folder above is missing, and it is there.
  await refuse('/proc/gradloom/a', 'no folder can be made here');
});

test('a checkpoint that cannot be written ends the run, or warns', async (t) => {
  const folder = await newFolder(t);
  const broken = async ({ epoch }: EpochRecord) => {
    if (epoch === 1) await rm(folder, { recursive: true });
  };
  const run = irisTrainer().fit(train, { epochs: 100_000, checkpoint: { folder }, onEpochEnd: broken });
  await t.throwsAsync(Promise.resolve(run), { code: 'FILE_NOT_FOUND' });
  const other = join(folder, 'a');
  const warned = irisTrainer().fit(train, {
    epochs: 3,
    checkpoint: { folder: other, onError: 'warn' },
    onEpochEnd: broken,
  });
  t.is((await warned).reason, 'completed');
  await irisTrainer().fit(train, { checkpoint: { folder } });
});

test('a best one that could not be written is not held against later ones', async (t) => {
  const folder = await newFolder(t);
  const best = join(folder, 'best.safetensors');
  let epoch = 0;
  const figure = customMetric({ name: 'figure', compute: () => [1, 5, 0, 3][epoch++] ?? 0 });
  const trainer = irisTrainer([figure]);
  const warnings: string[] = [];
  const listen = (warning: Error) => warnings.push(warning.message);
  process.on('warning', listen);
  t.teardown(() => process.removeListener('warning', listen));
  const told: CheckpointInfo[] = [];
  await trainer.fit(train, {
    epochs: 4,
    checkpoint: { folder, keepBest: { metric: 'figure', mode: 'max' }, onError: 'warn' },
    onCheckpoint: (info) => told.push(info),
    async onEpochEnd({ epoch: number }) {
      if (number === 2) {
        while (told.length === 0) await sleep(1);
        await rm(best);
        await mkdir(best);
      } else if (number === 3) {
        while (!warnings.some((text) => text.includes(best))) await sleep(1);
        // As the second epoch's has no name as the best, it has none at all.
        t.deepEqual(await names(folder), ['best.safetensors', 'step-000000000004.safetensors']);
        await rmdir(best);
      }
    },
  });
  t.deepEqual((await loadModel(best)).getWeights(), trainer.model.getWeights());
});

/** A trainer whose epochs have these figures, one after another, and how it keeps the best of them. */
function figureTrainer(...figures: readonly number[]) {
  let epoch = 0;
  const figure = customMetric({ name: 'figure', compute: () => figures[epoch++] ?? Number.NaN });
  return { figure, trainer: irisTrainer([figure]) };
}

const keepBest = { metric: 'figure', mode: 'max' } as const;

test('a best one of an earlier fit of the trainer stays until a better one comes', async (t) => {
  const folder = await newFolder(t);
  const best = join(folder, 'best.safetensors');
  const { trainer } = figureTrainer(1, 5, 3, 4, 4.5, 6, 2);
  const weights: unknown[] = [];
  const goOn = (epochs: number) => {
    const onEpochEnd = () => weights.push(trainer.model.getWeights());
    return trainer.fit(train, { epochs, checkpoint: { folder, keepBest }, onEpochEnd });
  };
  const bestWeights = async () => (await loadModel(best)).getWeights();
  await goOn(3);
  t.deepEqual(await bestWeights(), wrongly(weights[1]));
  await goOn(2);
  t.deepEqual(await bestWeights(), wrongly(weights[1]));
  await goOn(2);
  t.deepEqual(await bestWeights(), wrongly(weights[5]));
  // Another run may leave its own checkpoints there, and the best one alone.
  await trainer.fit(train, { checkpoint: { folder } });
  t.deepEqual(await bestWeights(), wrongly(weights[5]));
});

test('a best one that cannot be held against a run is refused, and stays', async (t) => {
  const folder = await newFolder(t);
  const best = join(folder, 'best.safetensors');
  const { trainer } = figureTrainer(1, 2, 3, 4, 5);
  const over = (set: typeof validation) => ({
    validation: set,
    checkpoint: { folder, keepBest: { metric: 'validation.accuracy' } },
  });
  const judged = irisTrainer();
  await judged.fit(train, over(validation));
  const bytes = await readFile(best);
  const refuse = (fit: () => unknown, what: string) =>
    checkError(t, 'INVALID_OPTION', [
      fit,
      `fit: checkpoint: keepBest: ${best} ${what}; move it elsewhere, or give an empty folder`,
    ]);
  await refuse(() => judged.fit(train, over(validation.take(20))), 'is the best over another validation set');
  await refuse(
    () => judged.fit(train, { checkpoint: { folder, keepBest: {} } }),
    'is the best by "validation.accuracy" (max), and this run goes by "loss" (min)',
  );
  for (const { path } of await listCheckpoints(folder)) await rm(path);
  await refuse(
    () => trainer.fit(train, { checkpoint: { folder, keepBest } }),
    'is of another run, at step 4, and this trainer is at step 0',
  );
  t.deepEqual(await readFile(best), bytes);

  await trainer.model.save(best);
  await refuse(
    () => trainer.fit(train, { checkpoint: { folder, keepBest } }),
    'is the best by no figure, and this run goes by "figure" (max)',
  );
  await mkdir(join(folder, 'other'));
  await trainer.fit(train, { checkpoint: { folder: join(folder, 'other'), keepBest } });
});

test('a run that goes on from an older checkpoint loses no better one', async (t) => {
  const folder = await newFolder(t);
  const best = join(folder, 'best.safetensors');
  const { trainer } = figureTrainer(1, 2, 9, 3);
  await trainer.fit(train, { epochs: 4, checkpoint: { folder, keepBest, keepLast: 9 } });
  const bytes = await readFile(best);
  const goOn = async (...figures: readonly number[]) => {
    for (const { path, steps } of await listCheckpoints(folder)) if (steps > 8) await rm(path);
    const { figure } = figureTrainer(...figures);
    await (await Trainer.resume(folder, train, { custom: [figure] })).run;
  };
  await goOn(5, 6);
  t.deepEqual(await readFile(best), bytes);
  // One that was taken elsewhere is missed by nobody: the run knows of an epoch of 2.
  await rm(best);
  await goOn(1.5, 1);
  t.false((await names(folder)).includes('best.safetensors'));
  await goOn(10, 6);
  t.is((await Trainer.load(best, { custom: [figureTrainer().figure] })).getOptimizerState().steps, 12);
});

test.serial('a best one that is damaged counts for nothing', async (t) => {
  const folder = await newFolder(t);
  const best = join(folder, 'best.safetensors');
  const { trainer } = figureTrainer(5, 3);
  await trainer.fit(train, { checkpoint: { folder, keepBest } });
  await truncate(best, 100);
  const warnings: string[] = [];
  const listen = (warning: Error) => warnings.push(warning.message);
  process.on('warning', listen);
  t.teardown(() => process.removeListener('warning', listen));
  await trainer.fit(train, { checkpoint: { folder, keepBest } });
  t.regex(warnings[0] ?? '', /the best checkpoint of before is left out: .*best\.safetensors: at byte 0/);
  t.deepEqual((await loadModel(best)).getWeights(), trainer.model.getWeights());
});

test('what onCheckpoint throws ends the run', async (t) => {
  const folder = await newFolder(t);
  const error = new Error('mine');
  const run = irisTrainer().fit(train, {
    epochs: 1_000_000,
    checkpoint: { folder },
    onCheckpoint: () => Promise.reject(error),
  });
  await t.throwsAsync(Promise.resolve(run), { is: error });
});

test('wrong uses are refused before anything is changed', async (t) => {
  const folder = await newFolder(t);
  const trainer = irisTrainer();
  const refuse = (checkpoint: object, message: string) =>
    checkError(t, 'INVALID_OPTION', [
      () => trainer.fit(train, { checkpoint: checkpoint as FitOptions['checkpoint'] }),
      message,
    ]);
  await refuse({}, 'fit: checkpoint: folder is missing; it must be a string that is not empty');
  await refuse(
    { folder, everyStep: 3 },
    'fit: checkpoint: unknown option "everyStep"; did you mean "everySteps"?',
  );
  await refuse({ folder: 'a\0b' }, 'a path must be a string that is not empty, without NUL, got "a\\u0000b"');
  await refuse({ folder, keepLast: 0 }, 'fit: checkpoint: keepLast must be an integer of at least 1, got 0');
  await refuse(
    { folder, keepBest: { metric: 'acuracy' } },
    'fit: checkpoint: keepBest: metric "acuracy" is no figure of the run; did you mean "accuracy"?',
  );
  if (process.platform === 'linux') {
    // No file can be made in there, and the first checkpoint of this run would be far away.
    t.throws(
      () => trainer.fit(train, { epochs: 1e6, checkpoint: { folder: '/proc/self', everySeconds: 1e6 } }),
      { code: 'ENOENT', message: /open '\/proc\/self\/step-0+\.safetensors'$/ },
    );
  }
  await checkError(t, 'FILE_NOT_FOUND', [
    () => Trainer.resume(folder, train),
    `Trainer.resume: ${folder} holds no checkpoint; begin with fit`,
  ]);

  await trainer.fit(train, { epochs: 2, validation, checkpoint: { folder } });
  const fresh = irisTrainer();
  await checkError(t, 'INVALID_OPTION', [
    () => fresh.fit(train, { checkpoint: { folder } }),
    `fit: checkpoint: ${folder} holds checkpoints of another run, up to step 8, and this trainer is at step 0; go on with that run by Trainer.resume, or give an empty folder`,
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => Trainer.resume(folder, train),
    'Trainer.resume: the run had a validation set; give it again, { validation }',
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => Trainer.resume(folder, train.shuffle(1), { validation }),
    "Trainer.resume: the training set is not the run's, in its samples or their order; give the same data",
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => Trainer.resume(folder, train, wrongly({ batchSize: 3 })),
    'Trainer.resume: unknown option "batchSize"; there are epochs, maxSteps, maxSeconds, validation, signal, onEpochEnd, onBatchEnd, onCheckpoint, batchInterval, inspect, loggers, report, progress, threads, memoryLimit, custom, loss, metrics and learningRate',
  ]);
});

test('one run at a time writes to a folder, under whatever name, and none when it is over', async (t) => {
  const folder = await newFolder(t);
  const name = `${folder}-too`;
  await symlink(folder, name);
  t.teardown(() => rm(name));
  const checkpoint = { folder, everySteps: 2 };
  const first = irisTrainer().fit(train, { epochs: 3, batchSize: 40, checkpoint });
  const second = irisTrainer();
  const weights = second.model.getWeights();
  const text = `another run, of this process or another one, writes to ${name}; wait for its end, or give another folder`;
  const uses = {
    fit: () => second.fit(train, { checkpoint: { folder: name } }),
    'Trainer.resume': () => Trainer.resume(name, train),
  };
  for await (const _ of first) {
    for (const [operation, use] of Object.entries(uses)) {
      await checkError(t, 'FOLDER_BUSY', [use, `${operation}: checkpoint: ${text}`]);
    }
  }
  t.deepEqual(second.model.getWeights(), weights);
  t.is((await listCheckpoints(folder))[0]?.steps, 9);
  await (await Trainer.resume(name, train, { epochs: 4 })).run;

  const other = join(folder, 'other');
  const start = (options: object) => irisTrainer().fit(train, { ...options, checkpoint: { folder: other } });
  const failing = () => assert.fail('mine');
  const hostile = Object.assign(new AbortController().signal, { addEventListener: failing });
  t.throws(() => start({ signal: hostile }), { message: 'mine' });
  await start({ signal: AbortSignal.abort() });
  await t.throwsAsync(Promise.resolve(start({ onEpochEnd: failing })), { message: 'mine' });
  await t.throwsAsync(Trainer.resume(other, train.shuffle(1)), { code: 'INVALID_DATA' });
  await (await Trainer.resume(other, train, { epochs: 2 })).run;
});

test('weights of samples are part of the data', async (t) => {
  const folder = await newFolder(t);
  const weighted = (weight: number | undefined) =>
    fromArrays({
      inputs: Float32Array.from({ length: 80 }, (_, place) => Math.sin(place)),
      inputShape: [4],
      labels: Array.from({ length: 20 }, (_, row) => row % 3),
      ...(weight && { sampleWeights: new Float32Array(20).fill(weight) }),
    });
  await irisTrainer().fit(weighted(2), { epochs: 2, maxSteps: 1, checkpoint: { folder } });
  for (const other of [weighted(undefined), weighted(3)]) {
    await checkError(t, 'INVALID_DATA', [
      () => Trainer.resume(folder, other),
      "Trainer.resume: the training set is not the run's, in its samples or their order; give the same data",
    ]);
  }
  const { run } = await Trainer.resume(folder, weighted(2), { maxSteps: 100 });
  t.is((await run).epochs.length, 2);
});

test('a run that goes on can be looked at anew', async (t) => {
  const folder = await newFolder(t);
  const seen: number[] = [];
  await irisTrainer().fit(train, { epochs: 2, maxSteps: 5, checkpoint: { folder } });
  const inspect = { everySteps: 2, onStep: ({ step }: { step: number }) => seen.push(step) };
  await (await Trainer.resume(folder, train, { maxSteps: 100, inspect })).run;
  t.deepEqual(seen, [6, 8]);
});

test('sparse samples, whose tables are trained a few rows a step', async (t) => {
  const folder = await newFolder(t);
  const offsets = Uint32Array.from({ length: 61 }, (_, row) => 3 * row);
  const indices = Uint32Array.from({ length: 180 }, (_, place) => 5 * (place % 3) + ((place * 7) % 5));
  const labels = Array.from({ length: 60 }, (_, row) => row % 2);
  const data = fromSparse({ inputShape: [15], offsets, indices, labels });
  const make = () =>
    new Trainer(
      sequential({ inputShape: [15], seed: 1 }, [
        embeddingBag({ units: 4 }),
        dropout({ rate: 0.1 }),
        dense({ units: 2 }),
      ]),
      { optimizer: adagrad({ learningRate: 0.1 }), loss: 'softmaxCrossEntropy', threads: 1 },
    );
  const reference = make();
  await reference.fit(data, { epochs: 3, batchSize: 8 });
  await make().fit(data, { epochs: 3, batchSize: 8, maxSteps: 11, checkpoint: { folder } });
  const { trainer, run } = await Trainer.resume(folder, data, { maxSteps: 100 });
  await run;
  t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
});

test('steps of several batches: a stop, at any of them, leaves a whole step', async (t) => {
  const options = { epochs: 3, batchSize: 10, batchesPerStep: 5 };
  const reference = irisTrainer();
  const whole = await reference.fit(train, options);
  for (const batch of [1, 3, 5, 8, 12]) {
    const folder = await newFolder(t);
    const cut = irisTrainer().fit(train, {
      ...options,
      checkpoint: { folder },
      batchInterval: 0,
      onBatchEnd: (at, run) => at.batch === batch && run.stop(),
    });
    await cut;
    const { trainer, run } = await Trainer.resume(folder, train);
    t.deepEqual(figuresOf((await run).epochs), figuresOf(whole.epochs));
    t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
  }
});
