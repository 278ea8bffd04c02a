/** Wide and deep models. Threads: 1. */
import test from 'ava';
import { formatValue } from '../../lib/core/options.ts';
import { RandomStream } from '../../lib/core/philox.ts';
import { type Dataset, fromArrays, fromInputs, fromSparse, ftrl, wideAndDeep } from '../../lib/index.ts';
import { checkError, wrongly } from '../api/errors.ts';

const COUNT = 600;
const SHOPS = 8;
const DAYS = 7;

/** Sales on some days of some shops, which only their cross tells, and where the square of a value is large. */
function sales() {
  const random = new RandomStream(5, 'shuffle');
  const column = (bound: number) => Int32Array.from({ length: COUNT }, () => random.below(bound));
  const [shop, day, tag] = [column(SHOPS), column(DAYS), column(20)];
  const heat = Float32Array.from({ length: COUNT }, () => random.below(2000) / 500 - 2);
  const isOpen = Array.from({ length: SHOPS * DAYS }, () => random.below(2));
  const labels = Uint8Array.from(shop, (s, i) =>
    Number(isOpen[s * DAYS + (day[i] as number)] === 1 && (heat[i] as number) ** 2 > 0.6),
  );
  const crosses = fromSparse({
    inputShape: [SHOPS * DAYS],
    samples: Array.from(shop, (s, i) => [s * DAYS + (day[i] as number)]),
  });
  const inputs = {
    crosses,
    shop: fromArrays({ inputs: shop, inputShape: [1] }),
    heat: fromArrays({ inputs: heat, inputShape: [1] }),
    tags: fromSparse({ inputShape: [20], samples: Array.from(tag, (id) => [id, (id * 7) % 20]) }),
  };
  return { inputs, labels };
}

test('remembers crosses and bends values: better than the larger class, on samples not seen', async (t) => {
  const [train, held] = fromInputs(sales()).split({ fraction: 0.75, seed: 1 });
  const { model, losses } = await wideAndDeep(train, { wide: ['crosses'], epochs: 60, hidden: [16] });
  t.true((losses.at(-1) as number) < 0.5 * (losses[0] as number), String(losses.at(-1)));
  const { binaryAccuracy } = await model.evaluate(held, { metrics: ['binaryAccuracy'] });
  const larger = Math.max(...held.classCounts()) / held.length;
  t.true(binaryAccuracy > larger + 0.1, `${binaryAccuracy} ${larger}`);
});

test('is the sum of a linear model and a network, by the weights', async (t) => {
  const { inputs, labels } = sales();
  const set = fromInputs({ inputs, labels: Float32Array.from(labels) });
  const options = { wide: ['crosses'], hidden: [3], units: 2, epochs: 2, rows: { shop: 11 } };
  const { model } = await wideAndDeep(set, options);
  const weights = model.getWeights();
  const of = (name: string) => weights[name]?.data ?? new Float32Array();
  t.deepEqual(weights['embedding_1.weight']?.shape, [11, 2]);
  const { data } = await model.predict(set);
  for (const place of [0, 17, 599]) {
    const { input } = set.at(place);
    const products = (values: ArrayLike<number>, row: (i: number) => number) =>
      Array.from(values).reduce((sum, value, i) => sum + value * row(i), 0);
    const wide = products(input.crosses, (i) => of('wide_1.weight')[i] ?? 0);
    const read = [
      ...[0, 1].map((d) => of('embedding_1.weight')[(input.shop[0] as number) * 2 + d] ?? 0),
      ...input.heat,
      ...[0, 1].map((d) => products(input.tags, (i) => of('embeddingBag_1.weight')[i * 2 + d] ?? 0)),
    ];
    const hidden = [0, 1, 2].map((u) =>
      Math.max(0, (of('dense_1.bias')[u] ?? 0) + products(read, (i) => of('dense_1.weight')[u * 5 + i] ?? 0)),
    );
    const deep = (of('dense_2.bias')[0] ?? 0) + products(hidden, (i) => of('dense_2.weight')[i] ?? 0);
    t.true(Math.abs((data[place] as number) - wide - deep) < 1e-5, `${data[place]} ${wide + deep}`);
  }
});

test('the linear model reads ids and values, too, by a weight each', async (t) => {
  const { inputs, labels } = sales();
  const maps = fromArrays({
    inputs: Float32Array.from({ length: 4 * COUNT }, (_, i) => Math.sin(i)),
    inputShape: [2, 2],
  });
  const set = fromInputs({ inputs: { ...inputs, maps }, labels: Float32Array.from(labels) });
  const options = { wide: ['shop', 'maps', 'heat', 'crosses'], units: 2, epochs: 2, hidden: [] };
  const { model } = await wideAndDeep(set, { ...options, rows: { shop: 9 } });
  const weights = model.getWeights();
  const of = (name: string) => weights[name]?.data ?? new Float32Array();
  const sizes = [1, 2, 3, 4].map((place) => of(`wide_${place}.weight`).length);
  t.deepEqual(sizes, [9, 4, 1, SHOPS * DAYS]);
  const { data } = await model.predict(set);
  const products = (values: ArrayLike<number>, name: string, stride = 1, at = 0) =>
    Array.from(values).reduce((sum, value, i) => sum + value * (of(name)[i * stride + at] ?? 0), 0);
  for (const place of [0, 17, 599]) {
    const { input } = set.at(place);
    const wide =
      (of('wide_1.weight')[input.shop[0] as number] ?? 0) +
      products(input.maps, 'wide_2.weight') +
      products(input.heat, 'wide_3.weight') +
      products(input.crosses, 'wide_4.weight');
    const deep =
      (of('dense_3.bias')[0] ?? 0) +
      [0, 1].reduce(
        (sum, d) =>
          sum + products(input.tags, 'embeddingBag_1.weight', 2, d) * (of('dense_3.weight')[d] ?? 0),
        0,
      );
    t.true(Math.abs(wide) > 1e-3);
    t.true(Math.abs((data[place] as number) - wide - deep) < 1e-5, `${data[place]} ${wide + deep}`);
  }
});

test('the linear part may have FTRL, whose penalty leaves its useless weights at 0', async (t) => {
  const { inputs, labels } = sales();
  const set = fromInputs({ inputs, labels });
  const options = { wide: ['crosses'], hidden: [4], epochs: 3, learningRate: 0.05 };
  const wideOptimizer = ftrl({ learningRate: 0.3, l1: 0.2 });
  const { model } = await wideAndDeep(set, { ...options, wideOptimizer });
  const zeros = model.getWeights()['wide_1.weight']?.data.filter((weight) => weight === 0).length ?? 0;
  t.true(zeros > 5 && zeros < SHOPS * DAYS - 5, String(zeros));
  // A penalty that nothing overcomes: the network trains by itself.
  const frozen = await wideAndDeep(set, { ...options, wideOptimizer: ftrl({ l1: 1e6 }) });
  t.true(frozen.model.getWeights()['wide_1.weight']?.data.every((weight) => weight === 0));
  t.true((frozen.losses.at(-1) as number) < (frozen.losses[0] as number));
});

test('several classes have a score each', async (t) => {
  const { inputs, labels } = sales();
  const set = fromInputs({ inputs, labels: Array.from(labels, (label, i) => label + (i % 2)) });
  const { model } = await wideAndDeep(set, { wide: ['crosses'], epochs: 1, hidden: [] });
  t.deepEqual(model.outputShape, [3]);
  t.is((await model.classify(set)).labels.length, COUNT);
});

test('inputs that cannot be so are refused, by name', async (t) => {
  const { inputs, labels } = sales();
  const set = fromInputs({ inputs, labels });
  const cases = [
    [
      set,
      { wide: ['cross'] },
      'INVALID_OPTION',
      'wideAndDeep: there is no input "cross"; there are crosses, shop, heat and tags',
    ],
    [
      fromInputs({ inputs: { crosses: inputs.crosses }, labels }),
      { wide: ['crosses'] },
      'INVALID_OPTION',
      'wideAndDeep: all inputs are wide; leave one for the network, or use linearClassifier',
    ],
    [
      fromArrays({ inputs: [[1], [2]], inputShape: [1], labels: [0, 1] }),
      { wide: ['x'] },
      'INVALID_DATA',
      'wideAndDeep: takes data sets of several inputs, such as fromInputs makes; for one input there are linearClassifier and sequential',
    ],
    [
      set,
      { wide: ['crosses', 'crosses'] },
      'INVALID_OPTION',
      'wideAndDeep: wide names input "crosses" twice',
    ],
    [
      set,
      { wide: ['crosses'], rows: { tags: 9 } },
      'INVALID_OPTION',
      'wideAndDeep: rows are of tables of ids, and input "tags" holds none; leave it out',
    ],
    ...[null, [], 3, { shop: 0 }, { shop: 'x' }].map(
      (rows) =>
        [
          set,
          { wide: ['crosses'], rows },
          'INVALID_OPTION',
          `wideAndDeep: rows must be an object of integers of at least 1 by input, got ${formatValue(rows)}`,
        ] as const,
    ),
    [
      fromInputs({ inputs }),
      { wide: ['crosses'] },
      'INVALID_DATA',
      'wideAndDeep: the dataset has no labels; give it `labels`',
    ],
  ] as const;
  for (const [data, options, code, message] of cases) {
    await checkError(t, code, [
      () => wideAndDeep(wrongly(data as unknown as Dataset), wrongly(options)),
      message,
    ]);
  }
});
