/** Metrics beside scikit-learn's (see `test/fixtures`) and beside plain loops over random data. */
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import {
  accuracy,
  confusionMatrix,
  dense,
  f1,
  fromArrays,
  type Metric,
  prAuc,
  precision,
  recall,
  rocAuc,
  sequential,
  sgd,
  softmaxCrossEntropy,
  Trainer,
  topKAccuracy,
} from '../../lib/index.ts';
import { testErrors } from './errors.ts';

type Expected = Readonly<Record<string, number | (number | null)[] | number[][]>>;
interface Case extends Record<string, unknown> {
  readonly logits: number[][] | number[];
  readonly labels: number[];
}
const sklearn = JSON.parse(
  readFileSync(new URL('../fixtures/scikit-learn-metrics.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, Case & Expected>>;

/** A model that gives its inputs back. */
function identity(size: number) {
  const model = sequential({ inputShape: [size] }, [dense({ units: size })]);
  const data = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  model.setWeights({
    'dense_1.weight': { data, shape: [size, size] },
    'dense_1.bias': { data: new Float32Array(size), shape: [size] },
  });
  return model;
}

/** Compares figures of any shape; null stands for NaN. */
function near(t: ExecutionContext, got: unknown, expected: unknown, what: string, tolerance = 1e-9): void {
  if (Array.isArray(expected)) {
    t.is((got as unknown[]).length, expected.length, what);
    for (const [i, value] of expected.entries())
      near(t, (got as unknown[])[i], value, `${what}[${i}]`, tolerance);
    return;
  }
  const right =
    expected === null
      ? Number.isNaN(got)
      : Math.abs((got as number) - (expected as number)) <=
        tolerance * Math.max(1, Math.abs(expected as number));
  t.true(right, `${what}: ${got} is not ${expected}`);
}

const rowsOf = (logits: number[][] | number[]) =>
  logits.map((row) => (typeof row === 'number' ? [row] : row));

type Loss = 'softmaxCrossEntropy' | 'sigmoidBinaryCrossEntropy';

/** Evaluates one metric in odd batches and on one and two threads. */
async function figureOf(t: ExecutionContext, loss: Loss, name: string, metric: Metric): Promise<unknown> {
  const given = sklearn[name] as Case;
  const inputs = rowsOf(given.logits);
  const width = inputs[0]?.length ?? 0;
  const data = fromArrays({ inputs, inputShape: [width], labels: given.labels });
  const figures = [];
  for (const [batchSize, threads] of [
    [5, 1],
    [256, 2],
  ] as const) {
    const result = await identity(width).evaluate(data, { loss, metrics: [metric], batchSize, threads });
    figures.push(result[metric.kind]);
  }
  t.deepEqual(figures[0], figures[1], metric.kind);
  return figures[0];
}

const FIGURES = { precision, recall, f1 };

test('several classes, of which one is never a label and one never a prediction', async (t) => {
  const expected = sklearn.classes as Expected;
  const check = async (metric: Metric, key: string) =>
    near(t, await figureOf(t, 'softmaxCrossEntropy', 'classes', metric), expected[key], key);
  for (const [name, make] of Object.entries(FIGURES)) {
    for (const average of ['macro', 'micro', 'weighted'] as const) {
      await check(make({ average }), `${name}.${average}`);
      await check(make({ average, zeroDivision: 1 }), `${name}.${average}.1`);
    }
    await check(make({ average: 'none' }), `${name}.none`);
    await check(make(), `${name}.macro`);
    const alone = await figureOf(t, 'softmaxCrossEntropy', 'classes', make({ positiveClass: 1 }));
    near(t, alone, (expected[`${name}.none`] as number[])[1], name);
  }
  for (const normalize of ['none', 'labels', 'predictions', 'all'] as const) {
    await check(confusionMatrix({ normalize }), `confusion.${normalize}`);
  }
  await check(rocAuc({ average: 'none' }), 'rocAuc.none');
  await check(prAuc({ average: 'none' }), 'prAuc.none');
  t.is(await figureOf(t, 'softmaxCrossEntropy', 'classes', rocAuc()), Number.NaN);
});

test('three classes, all of them labels; one and several yes-or-no outputs', async (t) => {
  const of = (name: string, metric: Metric) =>
    figureOf(t, name === 'three' ? 'softmaxCrossEntropy' : 'sigmoidBinaryCrossEntropy', name, metric);
  for (const [name, kind] of [
    ['three', 'softmaxCrossEntropy'],
    ['binary', 'sigmoidBinaryCrossEntropy'],
    ['several', 'sigmoidBinaryCrossEntropy'],
  ] as const) {
    const expected = sklearn[name] as Expected;
    near(t, await figureOf(t, kind, name, rocAuc()), expected.rocAuc, `${name} rocAuc`);
    near(t, await figureOf(t, kind, name, prAuc()), expected.prAuc, `${name} prAuc`);
  }
  const binary = sklearn.binary as Expected;
  const several = sklearn.several as Expected;
  near(t, await of('binary', confusionMatrix()), binary.confusion, 'confusion');
  near(t, await of('several', rocAuc({ average: 'none' })), several['rocAuc.none'], 'rocAuc.none');
  near(t, await of('several', prAuc({ average: 'none' })), several['prAuc.none'], 'prAuc.none');
  for (const [name, make] of Object.entries(FIGURES)) {
    near(t, await of('binary', make()), binary[name], name);
    near(t, await of('binary', make({ positiveClass: 0 })), binary[`${name}.0`], `${name}.0`);
    for (const average of ['macro', 'micro', 'weighted'] as const) {
      near(t, await of('binary', make({ average })), binary[`${name}.${average}`], `${name}.${average}`);
      near(t, await of('several', make({ average })), several[`${name}.${average}`], `${name}.${average}`);
    }
    near(t, await of('binary', make({ average: 'none' })), binary[`${name}.none`], `${name}.none`);
    near(t, await of('several', make({ average: 'none' })), several[`${name}.none`], `${name}.none`);
    near(t, await of('several', make()), several[`${name}.macro`], `several ${name}`);
  }
});

test('logLoss and r2', async (t) => {
  for (const [name, loss] of [
    ['classes', 'softmaxCrossEntropy'],
    ['three', 'softmaxCrossEntropy'],
    ['binary', 'sigmoidBinaryCrossEntropy'],
  ] as const) {
    const { logLoss } = sklearn[name] as Expected;
    const given = sklearn[name] as Case;
    const inputs = rowsOf(given.logits);
    const width = inputs[0]?.length ?? 0;
    const data = fromArrays({ inputs, inputShape: [width], labels: given.labels });
    const result = await identity(width).evaluate(data, { loss, metrics: ['logLoss'], batchSize: 4 });
    near(t, result.logLoss, logLoss, name);
  }
  const { outputs, labels, r2 } = sklearn.values as unknown as {
    outputs: number[][];
    labels: number[][];
    r2: number;
  };
  const data = fromArrays({ inputs: outputs, inputShape: [2], labels });
  for (const batchSize of [1, 5, 17]) {
    const result = await identity(2).evaluate(data, { loss: 'meanSquaredError', metrics: ['r2'], batchSize });
    near(t, result.r2, r2, 'r2');
  }
});

/** A plain generator, so that data are the same everywhere. */
function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test('rocAuc and prAuc: counted pair by pair and threshold by threshold', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = randoms(seed);
    const scores = Array.from({ length: 61 }, () => Math.floor(random() * 9) / 4);
    const labels = scores.map((score) => (random() * 3 < score ? 1 : 0));
    let pairs = 0;
    let wins = 0;
    for (const [i, a] of scores.entries()) {
      for (const [j, b] of scores.entries()) {
        if (labels[i] !== 1 || labels[j] !== 0) continue;
        pairs++;
        wins += a > b ? 1 : a === b ? 0.5 : 0;
      }
    }
    const positives = labels.filter((label) => label === 1).length;
    let area = 0;
    let recalled = 0;
    for (const threshold of [...new Set(scores)].sort((a, b) => b - a)) {
      const taken = labels.filter((_, i) => (scores[i] as number) >= threshold);
      const hits = taken.filter((label) => label === 1).length;
      area += ((hits - recalled) / positives) * (hits / taken.length);
      recalled = hits;
    }
    const data = fromArrays({ inputs: scores.map((score) => [score]), inputShape: [1], labels });
    const result = await identity(1).evaluate(data, {
      loss: 'sigmoidBinaryCrossEntropy',
      metrics: ['rocAuc', 'prAuc'],
      batchSize: 7,
    });
    near(t, result.rocAuc, wins / pairs, `rocAuc ${seed}`, 1e-12);
    near(t, result.prAuc, area, `prAuc ${seed}`, 1e-12);
  }
});

test('samples of one class only: rocAuc is NaN, prAuc where it is the negative one', async (t) => {
  const inputs = [[1], [2], [-1]];
  for (const [label, expected] of [
    [0, Number.NaN],
    [1, 1],
  ] as const) {
    const data = fromArrays({ inputs, inputShape: [1], labels: [label, label, label] });
    const result = await identity(1).evaluate(data, {
      loss: 'sigmoidBinaryCrossEntropy',
      metrics: ['rocAuc', 'prAuc'],
    });
    t.is(result.rocAuc, Number.NaN);
    t.is(result.prAuc, expected);
  }
});

test('ignored samples count in no metric; where no other is left, figures are NaN', async (t) => {
  const loss = softmaxCrossEntropy({ ignoreIndex: 255 });
  const { logits, labels } = sklearn.three as Case;
  const inputs = rowsOf(logits);
  const some = labels.map((label, i) => (i % 4 === 0 ? 255 : label));
  const metrics = [
    'accuracy',
    'precision',
    'f1',
    'recall',
    'rocAuc',
    'prAuc',
    'logLoss',
    'confusionMatrix',
    topKAccuracy({ k: 2 }),
  ] as const;
  const model = identity(3);
  const data = fromArrays({ inputs, inputShape: [3], labels: some });
  const kept = data.select(some.flatMap((label, place) => (label === 255 ? [] : [place])));
  const { loss: _, ...figures } = await model.evaluate(data, { loss, metrics, batchSize: 5 });
  const { loss: __, ...expected } = await model.evaluate(kept, { loss, metrics });
  for (const [name, figure] of Object.entries(figures)) {
    near(t, figure, expected[name as keyof typeof expected], name, 1e-12);
  }
  const none = data.select([0, 4, 8]);
  const empty = await model.evaluate(none, { loss, metrics });
  t.deepEqual(empty.confusionMatrix, [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
  ]);
  for (const name of [
    'accuracy',
    'precision',
    'f1',
    'recall',
    'rocAuc',
    'prAuc',
    'logLoss',
    'topKAccuracy',
  ] as const) {
    t.is(empty[name], Number.NaN, name);
  }
  const shares = await model.evaluate(none, { loss, metrics: [confusionMatrix({ normalize: 'all' })] });
  t.true(shares.confusionMatrix.flat().every(Number.isNaN));
  const { epochs } = await new Trainer(model, { optimizer: sgd(), loss, metrics: [accuracy(), f1()] }).fit(
    none,
  );
  t.is(epochs[0]?.accuracy, Number.NaN);
  t.is(epochs[0]?.f1, Number.NaN);
});

test('epochs have the figures of all their samples, from the first one on', async (t) => {
  const { logits, labels } = sklearn.three as Case;
  const data = fromArrays({ inputs: rowsOf(logits), inputShape: [3], labels });
  const metrics = ['rocAuc', 'prAuc', 'confusionMatrix', precision({ average: 'none' }), 'logLoss'] as const;
  const loss = 'softmaxCrossEntropy';
  const model = identity(3);
  const expected = await model.evaluate(data, { loss, metrics });
  // So slow that no weight moves.
  const trainer = new Trainer(model, { optimizer: sgd({ learningRate: 1e-30 }), loss, metrics });
  const { epochs } = await trainer.fit(data, { epochs: 3, batchSize: 5, validation: data, progress: 'none' });
  t.is(epochs.length, 3);
  for (const epoch of epochs) {
    for (const result of [epoch, epoch.validation]) {
      near(t, result.rocAuc, expected.rocAuc, 'rocAuc', 1e-12);
      near(t, result.prAuc, expected.prAuc, 'prAuc', 1e-12);
      near(t, result.logLoss, expected.logLoss, 'logLoss', 1e-12);
      t.deepEqual(result.confusionMatrix, expected.confusionMatrix);
      t.deepEqual(result.precision, expected.precision);
    }
  }
});

const model = identity(3);
const { logits, labels } = sklearn.three as Case;
const classes = fromArrays({ inputs: rowsOf(logits), inputShape: [3], labels });
const values = fromArrays({ inputs: rowsOf(logits), inputShape: [3], labels: rowsOf(logits) });

testErrors(test, 'INVALID_OPTION', [
  [
    () => precision({ average: 'macro', positiveClass: 1 }),
    'precision: positiveClass counts alone, in place of an average; leave out one of them',
  ],
  [() => f1({ zeroDivision: 2 as 1 }), 'f1: zeroDivision must be 0 or 1, got 2'],
  [
    () => model.evaluate(classes, { loss: 'softmaxCrossEntropy', metrics: [recall({ positiveClass: 3 })] }),
    'evaluate: the metric recall has the positiveClass 3, and the model tells classes 0 to 2 apart',
  ],
  [
    () => model.evaluate(classes, { loss: 'softmaxCrossEntropy', metrics: [recall({ threshold: 0 })] }),
    'evaluate: the metric recall has a threshold, and under softmaxCrossEntropy the largest output decides; leave it out',
  ],
  [
    () => model.evaluate(values, { loss: 'poisson', metrics: ['precision'] }),
    'evaluate: the metric precision needs classes to tell apart, and under poisson outputs are logarithms of expected counts; use a customMetric',
  ],
  [
    () => model.evaluate(values, { loss: 'poisson', metrics: ['binaryAccuracy'] }),
    'evaluate: the metric binaryAccuracy needs outputs that answer yes or no, and under poisson outputs are logarithms of expected counts; use a customMetric',
  ],
  [
    () => model.evaluate(values, { loss: 'meanSquaredError', metrics: ['logLoss'] }),
    'evaluate: the metric logLoss needs the logits of classes, and under meanSquaredError outputs are values; use rootMeanSquaredError',
  ],
  [
    () => model.evaluate(classes, { loss: 'softmaxCrossEntropy', metrics: ['r2'] }),
    'evaluate: the metric r2 compares values, and under softmaxCrossEntropy outputs are logits, one a class; use accuracy',
  ],
  [
    () => model.evaluate(values, { loss: 'hinge', metrics: ['confusionMatrix'] }),
    'evaluate: the metric confusionMatrix needs one output a class or a single one, and the model gives 3 answers a sample; use precision and recall',
  ],
  [
    () =>
      model.evaluate(values, {
        loss: softmaxCrossEntropy({ targets: 'distributions' }),
        metrics: ['rocAuc'],
      }),
    'evaluate: the metric rocAuc ranks samples of classes, and this softmaxCrossEntropy takes distributions; use a customMetric',
  ],
]);
