/** Runs that end, slow down, wait and report as their options say. Threads: 1, on the smallest of nets. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import {
  adagrad,
  type BatchRecord,
  csvLogger,
  customMetric,
  dense,
  f1,
  fromArrays,
  ftrl,
  historyToCsv,
  iris,
  jsonLinesLogger,
  rocAuc,
  sequential,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { EarlyStopping } from '../../lib/trainers/control/early-stopping.ts';
import { EpochControl } from '../../lib/trainers/control/epoch-control.ts';
import { ReduceOnPlateau } from '../../lib/trainers/control/plateau.ts';
import { checkError, wrongly } from './errors.ts';

const [train, validation] = standardize(
  ...(await iris()).split({ fraction: 0.8, seed: 1, stratify: 'labels' }),
);

function irisTrainer(metrics: ('accuracy' | 'logLoss')[] = ['accuracy']) {
  const model = sequential({ inputShape: [4], seed: 1 }, [
    dense({ units: 8, activation: 'tanh' }),
    dense({ units: 3 }),
  ]);
  return new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'softmaxCrossEntropy',
    metrics,
    threads: 1,
  });
}

/** A model whose loss rises with each of its figures: epoch after epoch the figure that the test says. */
function scripted(figures: readonly number[]) {
  let epoch = 0;
  const figure = customMetric({ name: 'figure', compute: () => figures[epoch++] ?? 0 });
  const trainer = new Trainer(sequential({ inputShape: [1] }, [dense({ units: 1 })]), {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'meanSquaredError',
    metrics: [figure],
    threads: 1,
  });
  const data = fromArrays({ inputs: [[0], [1]], inputShape: [1], labels: [[1], [3]] });
  return { trainer, data };
}

const watched = { metrics: [], isValidated: false };

test('early stopping counts the epochs since the best one', (t) => {
  const verdicts = (options: object, losses: readonly number[]) => {
    const stopping = new EarlyStopping(options, watched);
    return losses.map((loss) => [stopping.judge({ loss }), stopping.isOver]);
  };
  t.deepEqual(verdicts({ patience: 2 }, [3, 2, 2, 1, 1, 5]), [
    [true, false],
    [true, false],
    [false, false],
    [true, false],
    [false, false],
    [false, true],
  ]);
  t.deepEqual(verdicts({ patience: 1, minDelta: 0.5 }, [3, 2.5, 2]), [
    [true, false],
    [false, true],
    [true, false],
  ]);
  t.deepEqual(verdicts({ patience: 0, mode: 'max' }, [1, 2, 2]), [
    [true, false],
    [true, false],
    [false, true],
  ]);
  t.deepEqual(verdicts({ patience: 1 }, [Number.NaN, 1, Number.NaN]), [
    [false, true],
    [true, false],
    [false, true],
  ]);
});

test('a plateau lowers the rate, waits out its cooldown, and goes no lower than it may', (t) => {
  const scales = (options: object, losses: readonly number[]) => {
    const plateau = new ReduceOnPlateau(options, watched);
    let scale = 1;
    return losses.map((loss) => {
      scale = plateau.judge({ loss }, scale) ?? scale;
      return scale;
    });
  };
  t.deepEqual(scales({ patience: 2, factor: 0.5 }, [1, 1, 1, 1, 1, 1]), [1, 1, 0.5, 0.5, 0.25, 0.25]);
  t.deepEqual(
    scales({ patience: 1, factor: 0.5, cooldown: 2 }, [1, 1, 1, 1, 1, 1]),
    [1, 0.5, 0.5, 0.5, 0.25, 0.25],
  );
  t.deepEqual(scales({ patience: 1, factor: 0.25, minScale: 0.1 }, [1, 1, 1, 1]), [1, 0.25, 0.1, 0.1]);
  t.deepEqual(scales({ patience: 1, factor: 0.5, minDelta: 0.5 }, [2, 1.6, 1.4]), [1, 0.5, 0.5]);
});

test('a run ends when its figure gets no better, and may take its best weights back', async (t) => {
  const figures = [1, 3, 4, 2, 2, 9];
  const stopping = { monitor: 'figure', mode: 'max', patience: 2 } as const;
  const { trainer, data } = scripted(figures);
  const weights: unknown[] = [];
  const options = { epochs: 6, onEpochEnd: () => weights.push(trainer.model.getWeights()) };
  const history = await trainer.fit(data, { ...options, earlyStopping: stopping });
  t.is(history.reason, 'earlyStopping');
  t.is(history.epochs.length, 5);
  t.deepEqual(trainer.model.getWeights(), wrongly(weights[4]));

  const other = scripted(figures);
  await other.trainer.fit(other.data, { epochs: 6, earlyStopping: { ...stopping, restoreBest: true } });
  t.deepEqual(other.trainer.model.getWeights(), wrongly(weights[2]));

  const stopped = scripted(figures);
  const run = stopped.trainer.fit(stopped.data, {
    epochs: 6,
    earlyStopping: { ...stopping, patience: 9, restoreBest: true },
    onEpochEnd: ({ epoch }, self) => epoch === 4 && self.stop(),
  });
  t.is((await run).reason, 'stopped');
  t.deepEqual(stopped.trainer.model.getWeights(), wrongly(weights[2]));
});

test('reduceOnPlateau trains on at the lower rate, also in the next run, until reset', async (t) => {
  const { trainer, data } = scripted([1, 1, 1, 1]);
  const plateau = { monitor: 'figure', mode: 'max', patience: 1, factor: 0.5 } as const;
  const { epochs } = await trainer.fit(data, { epochs: 4, reduceOnPlateau: plateau });
  t.deepEqual(
    epochs.map(({ rateScale }) => rateScale),
    [1, 1, 0.5, 0.25],
  );
  t.is((await trainer.fit(data)).epochs[0]?.rateScale, 0.125);
  trainer.reset();
  t.is((await trainer.fit(data)).epochs[0]?.rateScale, 1);
});

test('a lowered rate is part of a saved trainer', async (t) => {
  const { trainer, data } = scripted([1, 1]);
  await trainer.fit(data, {
    epochs: 2,
    reduceOnPlateau: { monitor: 'figure', mode: 'min', patience: 1 },
  });
  const path = join(tmpdir(), `gradloom-rate-${process.pid}.safetensors`);
  await trainer.save(path);
  const figure = customMetric({ name: 'figure', compute: () => 0 });
  const loaded = await Trainer.load(path, { custom: [figure] });
  const [a, b] = await Promise.all([loaded.fit(data), trainer.fit(data)]);
  t.is(a.epochs[0]?.rateScale, 0.1);
  t.is(a.epochs[0]?.loss, b.epochs[0]?.loss);
  t.deepEqual(loaded.model.getWeights(), trainer.model.getWeights());
});

test('budgets of steps and of time', async (t) => {
  const steps = await irisTrainer().fit(train, { epochs: 9, batchSize: 16, maxSteps: 20 });
  t.is(steps.reason, 'maxSteps');
  t.deepEqual(
    steps.epochs.map((epoch) => epoch.steps),
    [8, 16],
  );
  t.is((await irisTrainer().fit(train, { maxSteps: 4, batchSize: 30 })).reason, 'completed');
  const seconds = await irisTrainer().fit(train, { epochs: 2 ** 31 - 1, maxSeconds: 0.5 });
  t.is(seconds.reason, 'maxSeconds');
  t.true(seconds.epochs.length > 0);
});

test('a paused run waits, can be looked at, and goes on as if nothing had been', async (t) => {
  const reference = irisTrainer();
  await reference.fit(train, { epochs: 40 });
  const trainer = irisTrainer();
  const run = trainer.fit(train, { epochs: 40 });
  run.pause();
  t.true(run.isPaused);
  await sleep(30);
  const { loss } = await trainer.evaluate(validation);
  await sleep(30);
  t.is((await trainer.evaluate(validation)).loss, loss);
  run.resume();
  t.false(run.isPaused);
  t.is((await run).epochs.length, 40);
  t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
});

test('a paused run can be stopped', async (t) => {
  const run = irisTrainer().fit(train, { epochs: 1_000_000 });
  await sleep(5);
  run.pause();
  await sleep(5);
  run.stop();
  t.is((await run).reason, 'stopped');
});

test('pauses do not count as time', async (t) => {
  const start = performance.now();
  const run = irisTrainer().fit(train, { epochs: 1, maxSeconds: 60 });
  run.pause();
  await sleep(200);
  run.resume();
  const { epochs, reason } = await run;
  t.is(reason, 'completed');
  t.true((epochs[0]?.seconds ?? 1e9) < (performance.now() - start) / 1000 - 0.15);
});

test('onBatchEnd hears of batches with running figures', async (t) => {
  const batches: BatchRecord<{ accuracy: number }>[] = [];
  const { epochs } = await irisTrainer().fit(train, {
    epochs: 2,
    batchSize: 50,
    batchInterval: 0,
    onBatchEnd: (batch) => batches.push(batch),
  });
  t.deepEqual(
    batches.map(({ epoch, batch, batches: count, steps, dropped }) => [epoch, batch, count, steps, dropped]),
    [
      [1, 1, 3, 1, 0],
      [1, 2, 3, 2, 0],
      [1, 3, 3, 3, 0],
      [2, 1, 3, 4, 0],
      [2, 2, 3, 5, 0],
      [2, 3, 3, 6, 0],
    ],
  );
  t.is(batches[2]?.loss, epochs[0]?.loss);
  t.is(batches[5]?.accuracy, epochs[1]?.accuracy);
});

test('where the event loop is behind, the oldest batch events are dropped', async (t) => {
  const seen: BatchRecord[] = [];
  const run = irisTrainer().fit(train, {
    epochs: 100,
    batchSize: 1,
    batchInterval: 0,
    onBatchEnd: (batch) => {
      if (seen.length === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      seen.push(batch);
    },
  });
  await run;
  const last = seen.at(-1);
  t.deepEqual([last?.epoch, last?.batch], [100, 120]);
  t.is(seen.length + (last?.dropped ?? 0), 12_000);
  t.true(seen.every(({ steps }, index) => index === 0 || steps > (seen[index - 1]?.steps ?? 0)));
});

for (const kind of ['throws', 'rejects'] as const) {
  test(`an onBatchEnd that ${kind} ends the run with that error`, async (t) => {
    const error = new Error('mine');
    const onBatchEnd = () => {
      if (kind === 'throws') throw error;
      return Promise.reject(error);
    };
    const run = irisTrainer().fit(train, { epochs: 100_000, batchInterval: 0, onBatchEnd });
    await t.throwsAsync(Promise.resolve(run), { is: error });
  });
}

test('loggers write what the history says', async (t) => {
  const csv = join(tmpdir(), `gradloom-log-${process.pid}.csv`);
  const json = join(tmpdir(), `gradloom-log-${process.pid}.jsonl`);
  await writeFile(csv, 'of an earlier run');
  const told: unknown[] = [];
  const ends: unknown[] = [];
  const whole = { epoch: () => sleep(1), end: (history: unknown) => ends.push(history) };
  const history = await irisTrainer().fit(train, {
    epochs: 3,
    validation,
    loggers: [csvLogger(csv), jsonLinesLogger(json), (epoch) => told.push(epoch), whole],
  });
  t.deepEqual(told, [...history.epochs]);
  t.deepEqual(ends, [history]);
  const text = await readFile(csv, 'utf8');
  t.is(text, historyToCsv(history));
  t.regex(text, /^epoch,loss,accuracy,validation\.loss,validation\.accuracy,steps,.*\n1,[0-9.]+,/);
  t.is(text.split('\n').length, 5);
  const lines = (await readFile(json, 'utf8')).trimEnd().split('\n');
  t.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [...history.epochs],
  );
});

test('checkpoints know of a best one that is on disk, not of one that is still to be written', (t) => {
  const options = { earlyStopping: undefined, reduceOnPlateau: undefined };
  const control = new EpochControl({ ...options, keepBest: { metric: 'loss', mode: undefined } }, watched);
  const best = (figure: number) => ({ figure, metric: 'loss', mode: 'min' }) as const;
  t.is(control.judge({ loss: 3 }, 1).best, 3);
  t.is(control.state().best, undefined);
  t.deepEqual(control.state(3).best, best(3));
  control.settleBest(3, true);
  t.is(control.judge({ loss: 2 }, 1).best, 2);
  t.is(control.judge({ loss: 1 }, 1).best, 1);
  control.settleBest(2, false);
  t.is(control.judge({ loss: 1.5 }, 1).best, undefined);
  t.deepEqual(control.state().best, best(3));
  control.settleBest(1, false);
  t.is(control.judge({ loss: 2.5 }, 1).best, 2.5);
  control.settleBest(2.5, true);
  t.deepEqual(control.state().best, best(2.5));
});

test('CSV quotes lists, and an empty history is empty', (t) => {
  t.is(historyToCsv({ epochs: [{ epoch: 1, recall: [0.5, 1] }] }), 'epoch,recall\n1,"[0.5,1]"\n');
  t.is(historyToCsv({ epochs: [] }), '');
});

test('CSV has a column for what only some epochs have', (t) => {
  const epochs = [
    { epoch: 1, loss: 2, validation: undefined },
    { epoch: 2, loss: 1, validation: { loss: 3 } },
  ];
  t.is(historyToCsv({ epochs }), 'epoch,loss,validation.loss\n1,2,\n2,1,3\n');
});

test('what a logger throws ends the run', async (t) => {
  const nowhere = join(tmpdir(), 'gradloom-no-such-folder', 'run.csv');
  const run = irisTrainer().fit(train, { epochs: 1_000_000, loggers: [csvLogger(nowhere)] });
  await t.throwsAsync(Promise.resolve(run), { code: 'ENOENT' });
});

test('epochs say how long they took and what the process held', async (t) => {
  const { epochs } = await irisTrainer().fit(train, { epochs: 2, validation });
  for (const epoch of epochs) {
    t.true(epoch.seconds > 0 && epoch.validationSeconds > 0);
    t.true(epoch.peakMemory > 10e6 && epoch.peakMemory < 1e11);
  }
});

test('options that cannot be are refused', async (t) => {
  const trainer = irisTrainer(['accuracy', 'logLoss']);
  const refuse = (options: object, message: string) =>
    checkError(t, 'INVALID_OPTION', [() => trainer.fit(train, wrongly(options)), message]);
  await refuse(
    { earlyStopping: { patienc: 3 } },
    'fit: earlyStopping: unknown option "patienc"; did you mean "patience"?',
  );
  await refuse(
    { earlyStopping: { monitor: 'acuracy' } },
    'fit: earlyStopping: monitor "acuracy" is no figure of the run; did you mean "accuracy"?',
  );
  await refuse(
    { reduceOnPlateau: { monitor: 'validation.loss' } },
    'fit: reduceOnPlateau: monitor is "validation.loss", and the run has no validation set; give one to fit',
  );
  await refuse(
    { reduceOnPlateau: { factor: 1 } },
    'fit: reduceOnPlateau: factor must be a number between 0 and 1, got 1',
  );
  const lists = irisTrainer(
    wrongly([f1({ average: 'none' }), rocAuc({ average: 'none' }), 'confusionMatrix']),
  );
  const before = lists.model.getWeights();
  const never = join(tmpdir(), `gradloom-never-${process.pid}`);
  for (const [name, form] of Object.entries({ f1: 'list', rocAuc: 'list', confusionMatrix: 'matrix' })) {
    const monitor = `validation.${name}`;
    const fault = `"${monitor}" is a ${form} of numbers, and only a number can be watched; choose another figure`;
    for (const [option, what] of [
      [{ earlyStopping: { monitor, mode: 'max' } }, 'earlyStopping: monitor'],
      [{ reduceOnPlateau: { monitor, mode: 'max' } }, 'reduceOnPlateau: monitor'],
      [
        { checkpoint: { folder: never, keepBest: { metric: monitor, mode: 'max' } } },
        'checkpoint: keepBest: metric',
      ],
    ] as const) {
      await checkError(t, 'INVALID_OPTION', [
        () => lists.fit(train, wrongly({ validation, ...option })),
        `fit: ${what} ${fault}`,
      ]);
    }
  }
  t.deepEqual(lists.model.getWeights(), before);
  t.false(existsSync(never));
  await refuse({ maxSteps: 0 }, 'fit: maxSteps must be an integer of at least 1, got 0');
  await refuse(
    { signal: { aborted: false, addEventListener: () => {} } },
    'fit: signal must be an AbortSignal, got an object',
  );
  await refuse({ loggers: [3] }, 'fit: loggers [0] must be a logger or a function, got 3');
  await refuse({ loggers: new Array(1) }, 'fit: loggers [0] must be a logger or a function, got undefined');
  const { trainer: other, data } = scripted([]);
  await checkError(t, 'INVALID_OPTION', [
    () => other.fit(data, { earlyStopping: { monitor: 'figure' } }),
    'fit: earlyStopping: mode is missing; whether figure should be "min" or "max" is yours to say',
  ]);
});

test('ftrl keeps its learning rate: no plateau lowers it, and no file is read with another', async (t) => {
  const trainer = new Trainer(sequential({ inputShape: [4] }, [dense({ units: 3 })]), {
    optimizer: ftrl({ learningRate: 0.2 }),
    loss: 'softmaxCrossEntropy',
  });
  await checkError(t, 'INVALID_OPTION', [
    () => trainer.fit(train, { reduceOnPlateau: {} }),
    'fit: reduceOnPlateau lowers the learning rate, and ftrl needs the same one in all steps; leave it out, or use earlyStopping',
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-ftrl-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'trainer.safetensors');
  await trainer.save(path);
  await checkError(t, 'INVALID_OPTION', [
    () => Trainer.load(path, { learningRate: 0.1 }),
    `learningRate: ${path} was trained by ftrl, whose state holds for the rate 0.2 only; leave it out, or begin with a new trainer`,
  ]);
  await t.notThrowsAsync(Trainer.load(path, { learningRate: 0.2 }));
});
