/** Estimators with tables of bfloat16. Threads: 1 and all. */
import test, { type ExecutionContext } from 'ava';
import {
  fromArrays,
  fromInputs,
  fromSparse,
  linearClassifier,
  linearRegressor,
  type Model,
  recommender,
  textClassifier,
  wideAndDeep,
} from '../../lib/index.ts';
import { wrongly } from '../api/errors.ts';

const COUNT = 240;
const DTYPE = { dtype: 'bfloat16' } as const;

const places = Array.from({ length: COUNT }, (_, i) => i);
const classes = Uint8Array.from(places, (i) => i % 3);
/** The first feature tells the class. */
const sparse = fromSparse({
  inputShape: [50],
  samples: places.map((i) => [i % 3, 3 + ((i * 7) % 47)]),
  labels: classes,
});

/** The tables that are named, and no other weights, are numbers of bfloat16. */
function checkTables(t: ExecutionContext, model: unknown, tables: readonly string[]): void {
  const cut = Object.entries((model as Model).getWeights())
    .filter(([, { data }]) =>
      new Uint32Array(data.buffer, data.byteOffset, data.length).every((bits) => bits % 65536 === 0),
    )
    .map(([name]) => name);
  t.deepEqual(cut, tables);
}

const fell = (losses: readonly number[]) => (losses.at(-1) as number) < 0.7 * (losses[0] as number);

test('linear models', async (t) => {
  const { model, losses } = await linearClassifier(sparse, DTYPE);
  checkTables(t, model, ['sparseDense_1.weight']);
  t.true(fell(losses));
  const values = fromSparse({
    inputShape: [50],
    samples: places.map((i) => [i % 3, 3 + ((i * 7) % 47)]),
    labels: Float32Array.from(classes),
    labelShape: [1],
  });
  const line = await linearRegressor(values, { ...DTYPE, threads: 1 });
  checkTables(t, line.model, ['sparseDense_1.weight']);
  t.true(fell(line.losses));
  const dense = fromArrays({ inputs: Float32Array.from(places), inputShape: [1], labels: classes });
  const error = await t.throwsAsync(linearClassifier(dense, DTYPE));
  t.is(
    error?.message,
    'linearClassifier: dtype "bfloat16" is for tables, which models of sparse samples have; these are dense: leave it out',
  );
  const half = await t.throwsAsync(linearClassifier(sparse, wrongly({ dtype: 'float16' })));
  t.is(half?.message, 'linearClassifier: dtype must be "float32" or "bfloat16", got "float16"');
});

test('textClassifier', async (t) => {
  const words = ['ship', 'tree', 'street'];
  const texts = places.map((i) => `the ${words[i % 3]} number ${i % 7}`);
  for (const [units, table] of [
    [0, 'sparseDense_1.weight'],
    [4, 'embeddingBag_1.weight'],
  ] as const) {
    const labels = Array.from(classes, String);
    const { model, losses } = await textClassifier(texts, labels, { ...DTYPE, units, epochs: 5 });
    checkTables(t, model, [table]);
    t.true(fell(losses));
    t.deepEqual((await model.classify(['a tree', 'a street'])).names, ['1', '2']);
  }
});

test('recommender: its vectors, not the biases of items', async (t) => {
  const pairs = places.map((i) => [i % 40, ((i % 40) % 4) + 4 * (i % 5)] as const);
  const given = { users: pairs.map(([user]) => user), items: pairs.map(([, item]) => item) };
  for (const negatives of [4, 'batch'] as const) {
    const { model, losses } = await recommender(given, { ...DTYPE, negatives, batchSize: 32, epochs: 20 });
    // Biases of items stay 0 where no item is drawn.
    const zeros = negatives === 'batch' ? ['itemBias.weight'] : [];
    checkTables(t, model, ['users.weight', 'items.weight', ...zeros]);
    t.true((losses.at(-1) as number) < 0.9 * (losses[0] as number));
  }
});

test('wideAndDeep: all its tables', async (t) => {
  const data = fromInputs({
    inputs: {
      crosses: fromSparse({ inputShape: [9], samples: places.map((i) => [i % 9]) }),
      shop: fromArrays({ inputs: Int32Array.from(places, (i) => i % 5), inputShape: [1] }),
      tags: fromSparse({ inputShape: [20], samples: places.map((i) => [i % 20]) }),
    },
    labels: classes,
  });
  const { model, losses } = await wideAndDeep(data, { ...DTYPE, wide: ['crosses'], hidden: [8], units: 3 });
  checkTables(t, model, ['wide_1.weight', 'embedding_1.weight', 'embeddingBag_1.weight']);
  t.true(fell(losses));
});
