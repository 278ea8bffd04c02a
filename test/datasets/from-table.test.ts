/** Columns of a table as inputs of a graph. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  adagrad,
  concat,
  dense,
  embedding,
  flatten,
  fromArrays,
  fromRows,
  fromTable,
  graph,
  input,
  loadModel,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { checkError, wrongly } from '../api/errors.ts';

const ROWS = [
  { age: 20, 'home town': 'Rome', pay: 1, job: 'a', y: 'no' },
  { age: 40, 'home town': 'Oslo', pay: 2, job: 'b', y: 'yes' },
  { age: null, 'home town': 'Rome', pay: 6, job: null, y: 'yes' },
  { age: 60, 'home town': 'Bern', pay: 3, job: 'a', y: 'no' },
  { age: 30, 'home town': 'Oslo', pay: 8, job: 'b', y: 'no' },
];
const missing = { age: 'mean', job: 'category', 'home town': 'category' } as const;
const OPTIONS = { target: 'y', categories: 'index', missing, unknown: 'missing' } as const;
const read = () => fromRows(ROWS, OPTIONS);

test('numbers stand side by side with their preprocessing, categories are ids; views keep their order', async (t) => {
  const [scaled] = standardize((await read()).select([3, 0, 2]));
  const set = fromTable(scaled);
  t.deepEqual(set.inputShape, { numbers: [2], home_town: [1], job: [1] });
  t.deepEqual([set.classNames, set.labelAt(0), set.labelAt(2)], [['no', 'yes'], 0, 1]);
  for (let place = 0; place < 3; place++) {
    const whole = scaled.at(place).input;
    t.deepEqual([...(set.at(place).input.numbers as Float32Array)], [whole[0], whole[2]] as number[]);
  }
  const idsOf = (name: string) => [0, 1, 2].map((place) => set.at(place).input[name]?.[0]);
  t.deepEqual(idsOf('home_town'), [0, 2, 2]); // Bern, Oslo, Rome, (missing)
  t.deepEqual(idsOf('job'), [0, 0, 2]); // a, b, (missing)
  t.deepEqual(
    set
      .input('numbers')
      .describe()
      .columns.map(({ missing: gaps }) => gaps),
    [1, 0],
  );
  t.deepEqual(
    set.input('job').table?.inputs.map(({ name }) => name),
    ['job'],
  );
});

test('a model on them takes rows by column, saved and loaded or not', async (t) => {
  const [train] = standardize(await read());
  const set = fromTable(train);
  const inputs = { numbers: input([2]), home_town: input([1]), job: input([1]) };
  const model = graph({
    inputs,
    output: concat([
      inputs.numbers,
      inputs.home_town.pipe(embedding({ rows: 4, units: 3 }), flatten()),
      inputs.job.pipe(embedding({ rows: 3, units: 2 }), flatten()),
    ]).pipe(dense({ units: 2 })),
    seed: 3,
  });
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads: 1 });
  await trainer.fit(wrongly(set), { epochs: 5 });
  const expected = (await model.predict(wrongly(set))).data;
  t.deepEqual((await model.predict(ROWS)).data, expected);
  const columns = ['age', 'pay', 'home town', 'job'];
  t.deepEqual(
    model.table?.inputs.map(({ name }) => name),
    columns,
  );

  const folder = await mkdtemp(join(tmpdir(), 'gradloom-from-table-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await model.save(join(folder, 'm.safetensors'));
  const loaded = await loadModel<{ readonly numbers: readonly [2] }>(join(folder, 'm.safetensors'));
  t.deepEqual((await loaded.predict(ROWS)).data, expected);
  t.deepEqual(loaded.predictSync([ROWS[1] as object]).data, expected.subarray(2, 4));
  t.is((await loaded.classify(ROWS)).names?.length, 5);
  // An unknown town is read as a missing one.
  const [row] = ROWS;
  t.deepEqual(
    (await loaded.predict([{ ...row, 'home town': 'Lima' }])).data,
    (await loaded.predict([{ ...row, 'home town': null }])).data,
  );
  t.deepEqual(
    loaded.table?.inputs.map(({ name }) => name),
    columns,
  );
  await checkError(t, 'INVALID_DATA', [
    () => loaded.predict([{ ...row, age: 'old' }]),
    'predict: row 0: column "age": "old" is no number',
  ]);
});

test('names that no input can have are changed, and stay different', async (t) => {
  const rows = [
    { 'a b': 'x', a_b: 'y', numbers: 'z', ü: 'w', y: 1 },
    { 'a b': 'x', a_b: 'y', numbers: 'q', ü: 'w', y: 2 },
  ];
  const set = fromTable(await fromRows(rows, { target: 'y', categories: 'index' }));
  t.deepEqual(Object.keys(set.inputShape), ['a_b', 'a_b_2', 'numbers_2', '_']);
});

test('data without columns are refused', async (t) => {
  const arrays = fromArrays({ inputs: [[1], [2]], inputShape: [1] });
  const without =
    'fromTable: takes a dataset of the columns of a table, such as csv or fromRows reads; one that was mapped, or scaled by its samples, has none';
  await checkError(t, 'INVALID_DATA', [() => fromTable(arrays), without]);
  const scaled = (await read()).normalize({ norm: 'l2' });
  await checkError(t, 'INVALID_DATA', [() => fromTable(scaled), without]);
  const oneHot = await fromRows(ROWS, { target: 'y', missing });
  await checkError(t, 'INVALID_DATA', [
    () => fromTable(oneHot),
    'fromTable: column "home town" is one-hot; read the table with { categories: "index" }',
  ]);
});
