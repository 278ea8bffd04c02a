/** What all estimators share: targets of any unit, passes that are heard of and ended. */
import test from 'ava';
import {
  adagrad,
  type FittedEpoch,
  fromArrays,
  fromInputs,
  fromSparse,
  linearClassifier,
  linearRegressor,
  type Model,
  recommender,
  textClassifier,
  type WatchOptions,
  wideAndDeep,
} from '../../lib/index.ts';
import { testErrors, wrongly } from '../api/errors.ts';

const COUNT = 120;
const places = Array.from({ length: COUNT }, (_, i) => i);
const inputs = places.map((i) => [Math.sin(i), Math.cos(3 * i)]);
const samples = places.map((i) => [i % 5, 5 + (i % 3)]);
/** Two values a sample, of other means. */
const targets = inputs.map(([a = 0, b = 0], i) => [2 * a - b + ((i % 5) - 2) / 4, b + (i % 3)]);
const PASSES = { epochs: 3, batchSize: 16 };
const weightsOf = (model: Model) => Object.entries(model.getWeights()) as [string, { data: Float32Array }][];

/** In another unit, exact in float32: 2 ** 12 times the values, moved by means of their own. */
const inUnit = (unit: number, moved: readonly number[]) =>
  targets.map((values) => values.map((value, at) => Math.fround(value) * unit + (moved[at] as number)));

test('linearRegressor and wideAndDeep: the model and its losses in whatever unit targets have', async (t) => {
  const train = async (labels: readonly number[][]) => {
    const dense = fromArrays({ inputs, inputShape: [2], labels });
    const sparse = fromSparse({ inputShape: [8], samples, labels });
    const both = fromInputs({ inputs: { a: fromSparse({ inputShape: [8], samples }), b: dense }, labels });
    const plain = { ...PASSES, optimizer: adagrad({ learningRate: 0.2 }) };
    return [
      { fitted: await linearRegressor(dense, PASSES), dataset: dense, bias: 'dense_1.bias' },
      { fitted: await linearRegressor(sparse, plain), dataset: sparse, bias: 'sparseDense_1.bias' },
      { fitted: await wideAndDeep(both, { ...PASSES, wide: ['a'] }), dataset: both, bias: 'dense_3.bias' },
    ];
  };
  const unit = 2 ** 12;
  const moved = [2 ** 14, -(2 ** 13)];
  const own = await train(inUnit(1, [0, 0]));
  const other = await train(inUnit(unit, moved));
  for (const [place, { fitted, dataset, bias }] of other.entries()) {
    const { fitted: first, dataset: firstData } = own[place] as (typeof own)[number];
    for (const [epoch, loss] of fitted.losses.entries()) {
      t.true(Math.abs(loss / unit ** 2 / (first.losses[epoch] as number) - 1) < 1e-4, `loss ${epoch}`);
    }
    const evaluated = await (fitted.model as Model).evaluate(dataset as never);
    const firstEvaluated = await (first.model as Model).evaluate(firstData as never);
    t.true(Math.abs(evaluated.loss / unit ** 2 / firstEvaluated.loss - 1) < 1e-3);
    t.true(evaluated.loss < (fitted.losses[0] as number));
    const weights = new Map(weightsOf(first.model as Model));
    t.true(weights.has(bias));
    const last = bias.slice(0, bias.indexOf('.'));
    for (const [name, { data }] of weightsOf(fitted.model as Model)) {
      const isLast = name.startsWith(last) || name.startsWith('wide_');
      for (const [at, value] of data.entries()) {
        const before = (weights.get(name)?.data[at] as number) * (isLast ? unit : 1);
        const expected = before + (name === bias ? (moved[at] as number) : 0);
        t.true(
          Math.abs(value - expected) < 1e-3 * (isLast ? unit : 1),
          `${name}[${at}] ${value} ${expected}`,
        );
      }
    }
  }
});

test('linearRegressor: prices far from 0 by default options', async (t) => {
  const labels = Float32Array.from(inputs, ([a = 0, b = 0]) => 250_000 + 40_000 * a - 90_000 * b);
  const flats = fromArrays({ inputs, inputShape: [2], labels });
  const { model } = await linearRegressor(flats, { epochs: 50 });
  const { r2 } = await model.evaluate(flats, { metrics: ['r2'] });
  t.true(r2 > 0.999, `${r2}`);
});

test('linearRegressor: targets that are all alike', async (t) => {
  const flats = fromArrays({ inputs, inputShape: [2], labels: new Float32Array(COUNT).fill(7e8) });
  const { model, losses } = await linearRegressor(flats);
  t.deepEqual([...losses], new Array(10).fill(0));
  t.is((await model.predict([[3, -1]])).data[0], 7e8);
});

const classes = Uint8Array.from(places, (i) => i % 3);
const TEXTS = places.map((i) => `${['sea', 'wood', 'town'][i % 3]} word${i % 7}`);
const SPARSE = fromSparse({ inputShape: [8], samples, labels: classes });
const WIDE = fromInputs({
  inputs: { a: fromSparse({ inputShape: [8], samples }), b: fromArrays({ inputs, inputShape: [2] }) },
  labels: Float32Array.from(places, (i) => 1000 * i),
});
const PAIRS = { users: places.map((i) => i % 20), items: places.map((i) => (i * 7) % 11) };
const ESTIMATORS: Record<string, (watch: WatchOptions) => Promise<{ readonly losses: readonly number[] }>> = {
  linearClassifier: (watch) => linearClassifier(SPARSE, { ...PASSES, ...watch }),
  linearRegressor: (watch) =>
    linearRegressor(fromArrays({ inputs, inputShape: [2], labels: targets }), watch),
  textClassifier: (watch) => textClassifier(TEXTS, Array.from(classes, String), { ...PASSES, ...watch }),
  wideAndDeep: (watch) => wideAndDeep(WIDE, { wide: ['a'], ...PASSES, ...watch }),
  recommender: (watch) => recommender(PAIRS, { ...PASSES, ...watch }),
  'recommender of drawn negatives': (watch) => recommender(PAIRS, { ...PASSES, negatives: 2, ...watch }),
};

for (const [name, train] of Object.entries(ESTIMATORS)) {
  test(`${name}: onEpoch hears of each pass and is awaited, a signal ends it with its reason`, async (t) => {
    const heard: FittedEpoch[] = [];
    let isBusy = false;
    const onEpoch = async (epoch: FittedEpoch) => {
      t.false(isBusy);
      isBusy = true;
      await new Promise((resolve) => setTimeout(resolve, 2));
      heard.push(epoch);
      isBusy = false;
    };
    const { losses } = await train({ onEpoch });
    t.deepEqual(
      heard,
      losses.map((loss, place) => ({ epoch: place + 1, loss })),
    );
    t.deepEqual((await train({})).losses, losses);

    const reason = new Error('enough');
    const controller = new AbortController();
    const ended: number[] = [];
    const stopAt = ({ epoch }: FittedEpoch) => {
      ended.push(epoch);
      if (epoch === 2) controller.abort(reason);
    };
    t.is(await t.throwsAsync(train({ signal: controller.signal, onEpoch: stopAt })), reason);
    t.deepEqual(ended, [1, 2]);
    t.is(await t.throwsAsync(train({ signal: controller.signal, onEpoch: stopAt })), reason);
    t.deepEqual(ended, [1, 2]);
    const fault = new Error('mine');
    const failing = train({
      onEpoch: () => {
        throw fault;
      },
    });
    t.is(await t.throwsAsync(failing), fault);
  });
}

testErrors(test, 'INVALID_OPTION', [
  [
    () => linearClassifier(SPARSE, { signal: wrongly('stop') }),
    'linearClassifier: signal must be an AbortSignal, got "stop"',
  ],
  [() => recommender(PAIRS, { onEpoch: wrongly(true) }), 'recommender: onEpoch must be a function, got true'],
]);
