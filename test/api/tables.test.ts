/** Models that were trained on tables: rows in, the same numbers before and after saving. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeSafetensors, encodeSafetensors } from '../../lib/formats/safetensors.ts';
import {
  adagrad,
  csv,
  type Dataset,
  dense,
  iris,
  loadModel,
  type Model,
  sequential,
  standardize,
  type Table,
  Trainer,
} from '../../lib/index.ts';
import { fileWith, folderWith } from '../datasets/files.ts';
import { checkError, wrongly } from './errors.ts';

const PEOPLE = `age,city,member,score,bought
31,Oslo,yes,1.5,no
45,Rome,no,,yes
27,Oslo,,2.25,no
52,Paris,no,-3,yes
38,Rome,yes,0.125,yes
`;

const ROWS = [
  { age: 31, city: 'Oslo', member: 'yes', score: 1.5 },
  { age: 45, city: 'Rome', member: 'no', score: null },
  { age: 27, city: 'Oslo', score: 2.25, id: 'not a column' },
  { age: 52, city: 'Paris', member: 'no', score: -3 },
  { age: 38, city: 'Rome', member: 'yes', score: 0.125 },
];

const OPTIONS = {
  target: 'bought',
  columns: ['age', 'member', 'city', 'score'],
  missing: { member: 'category', score: 'mean' },
} as const;

async function train<Data extends Dataset<[number], 'class'>>(data: Data, epochs = 3): Promise<Model> {
  const model = sequential({ inputShape: data.inputShape, seed: 4 }, [
    dense({ units: 5, activation: 'tanh' }),
    dense({ units: data.classCount }),
  ]);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'softmaxCrossEntropy',
  });
  await trainer.fit(data, { epochs });
  return model;
}

async function reload(t: ExecutionContext, model: Model): Promise<Model> {
  const path = join(folderWith(t, {}), 'model');
  await model.save(path);
  return await loadModel(path);
}

test('rows give the numbers of the dataset that they come from, before and after saving', async (t) => {
  const [data] = standardize(await csv(fileWith(t, PEOPLE), OPTIONS));
  const model = await train(data);
  const loaded = await reload(t, model);
  const expected = await model.predict(data);
  const arrays = ROWS.map(({ age, member, city, score }) => [age, member, city, score]);
  for (const each of [model, loaded]) {
    t.deepEqual(await each.predict(ROWS), expected);
    t.deepEqual(await each.predict(arrays), expected);
    t.deepEqual(each.predictSync(ROWS), expected);
    t.deepEqual(await each.predict(data), expected);
  }
  // Encoded by hand: age, member (no, yes, missing), city (Oslo, Paris, Rome), score.
  const encoded = Float32Array.of(45, 1, 0, 0, 0, 0, 1, 0.21875);
  t.deepEqual(loaded.predictSync(encoded).data, expected.data.slice(2, 4));
});

test('classes are called by their names, before and after saving', async (t) => {
  const model = await train(await csv(fileWith(t, PEOPLE), OPTIONS), 60);
  const loaded = await reload(t, model);
  const { labels, names, probabilities } = await loaded.classify(ROWS);
  t.deepEqual(loaded.classNames, ['no', 'yes']);
  t.deepEqual(
    names,
    Array.from(labels, (label) => ['no', 'yes'][label]),
  );
  t.deepEqual(await model.classify(ROWS), { labels, names, probabilities });
  t.true(new Set(names).size === 2);
  const flowers = await train(wrongly(await iris()));
  t.deepEqual((await flowers.classify([[5.1, 3.5, 1.4, 0.2]])).names?.length, 1);
  t.true((await iris()).classNames?.includes((await flowers.classify([[5, 3, 1, 0]])).names?.[0] ?? ''));
});

test('one output tells two named classes apart', async (t) => {
  const data = await csv(fileWith(t, PEOPLE), OPTIONS);
  const model = sequential({ inputShape: data.inputShape }, [dense({ units: 1 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'sigmoidBinaryCrossEntropy' });
  await trainer.fit(data, { epochs: 3 });
  const { labels, names } = await (await reload(t, model)).classify(ROWS);
  t.deepEqual(
    names,
    Array.from(labels, (label) => ['no', 'yes'][label]),
  );
});

test('a loaded model reads files by its table', async (t) => {
  const data = await csv(fileWith(t, PEOPLE), OPTIONS);
  const loaded = await reload(t, await train(data));
  const again = await csv(fileWith(t, PEOPLE), { like: loaded.table as Table, labelKind: 'class' });
  t.deepEqual([again.labelKind, again.classNames], ['class', ['no', 'yes']]);
  t.deepEqual(await loaded.predict(again), await loaded.predict(data));
  t.deepEqual(await loaded.evaluate(again), await loaded.evaluate(data));
  t.deepEqual(loaded.table, { ...data.table, report: [] });
});

test('a checkpoint keeps the table, too; a run on data without a table leaves it', async (t) => {
  const data = await csv(fileWith(t, PEOPLE), OPTIONS);
  const model = sequential({ inputShape: data.inputShape }, [dense({ units: 2 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  await trainer.fit(data);
  const path = join(folderWith(t, {}), 'checkpoint');
  await trainer.save(path);
  const loaded = await Trainer.load(path);
  t.deepEqual(loaded.model.predictSync(ROWS), model.predictSync(ROWS));
  await loaded.fit(data);
  t.deepEqual(loaded.model.table?.inputs, data.table?.inputs);
});

test('unknown categories are missing values where the training data were read so', async (t) => {
  const text = 'city,y\nOslo,a\nRome,b\n,a\n';
  const data = await csv(fileWith(t, text), { target: 'y', missing: 'category', unknown: 'missing' });
  const loaded = await reload(t, await train(data));
  t.deepEqual(loaded.predictSync([{ city: 'Bergen' }]), loaded.predictSync([{ city: null }]));
  t.deepEqual(loaded.predictSync([{}]), loaded.predictSync([[undefined]]));
});

test('numbers, texts, true and false as the column has them', async (t) => {
  const data = await csv(fileWith(t, 'zip,flag,y\n7,0,a\n12,1,b\nx,1,a\n'), { target: 'y' });
  const model = await train(data);
  const first = model.predictSync([{ zip: '7', flag: 1 }]);
  t.deepEqual(model.predictSync([{ zip: 7, flag: true }]), first);
  t.notDeepEqual(model.predictSync([{ zip: 12, flag: true }]), first);
});

const ERRORS: readonly (readonly [rows: unknown, code: Parameters<typeof checkError>[1], message: string])[] =
  [
    [
      [ROWS[0], { ...ROWS[1], city: 'Bergen' }],
      'INVALID_DATA',
      'row 1: column "city": "Bergen" is none of the 3 categories of the training data; train on data that were read with { unknown: "missing" } to take it for a missing value',
    ],
    [
      [{ agee: 31, city: 'Oslo' }],
      'INVALID_DATA',
      'row 0: column "age": is not in the row, which has "agee" and "city"',
    ],
    [[{}], 'INVALID_DATA', 'row 0: column "age": is not in the row, which has none'],
    [
      [ROWS[0], { age: null, city: 'Oslo' }],
      'INVALID_DATA',
      'row 1: column "age": the value is missing; give one, or train on data that were read with { missing } for this column',
    ],
    [
      [{ age: '31', city: 'Oslo' }],
      'INVALID_DATA',
      'row 0: column "age": "31" is a string, a number is expected',
    ],
    [[{ age: 'old', city: 'Oslo' }], 'INVALID_DATA', 'row 0: column "age": "old" is no number'],
    [
      [{ age: [31], city: 'Oslo' }],
      'INVALID_DATA',
      'row 0: column "age": holds [31]; a value is a number, a string, true or false',
    ],
    [
      [{ age: Number.POSITIVE_INFINITY, city: 'Oslo' }],
      'INVALID_DATA',
      'row 0: column "age": Infinity is not finite as float32; rescale or drop it',
    ],
    [
      [[31, 'yes', 'Oslo']],
      'SHAPE_MISMATCH',
      'row 0 has 3 values; expected one for each column: "age", "member", "city" and "score"',
    ],
    [
      [[31, 0, 0, 1, 0, 0, 1, 0]],
      'SHAPE_MISMATCH',
      'row 0 has 8 values; expected one for each column: "age", "member", "city" and "score"; give values that are encoded already as one Float32Array',
    ],
    [[31], 'INVALID_DATA', 'row 0 must be an object by column or an array of values, got 31'],
    [
      ROWS[0],
      'INVALID_OPTION',
      'inputs must be a Float32Array, a Uint8Array or an array of samples, or a Dataset, got an object; give a row in an array: [row]',
    ],
  ];

test('rows that do not fit are refused by row and column', async (t) => {
  const loaded = await reload(t, await train(await csv(fileWith(t, PEOPLE), OPTIONS)));
  for (const [rows, code, message] of ERRORS) {
    await checkError(t, code, [() => loaded.predict(wrongly(rows)), `predict: ${message}`]);
    await checkError(t, code, [() => loaded.predictSync(wrongly(rows)), `predictSync: ${message}`]);
    await checkError(t, code, [() => loaded.classify(wrongly(rows)), `classify: ${message}`]);
  }
  const bare = await train(wrongly(await iris()));
  await checkError(t, 'INVALID_OPTION', [
    () => bare.predict([{ age: 31 }]),
    'predict: inputs[0] is an object, but the model was not trained on a table (csv, fromRows, ...) and knows no columns; give arrays of numbers',
  ]);
});

test('data of other columns, categories or classes are refused', async (t) => {
  const data = await csv(fileWith(t, 'a,city,y\n1,Oslo,p\n2,Rome,q\n'), { target: 'y' });
  const model = await train(data);
  const other = await csv(fileWith(t, 'a,city,y\n1,Oslo,p\n2,Paris,q\n'), { target: 'y' });
  const turned = await csv(fileWith(t, 'a,city,y\n1,Oslo,p\n2,Rome,r\n'), { target: 'y' });
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  const remedy = '(its place, type or categories differ); read it as in csv(path, { like: train })';
  await checkError(t, 'INVALID_DATA', [
    () => model.evaluate(other),
    `evaluate: column "city" of the dataset is not as in the model's training data ${remedy}`,
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => trainer.fit(wrongly(data), { validation: wrongly(other) }),
    `fit: column "city" of the validation set is not as in the training set ${remedy}`,
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => trainer.fit(wrongly(turned)),
    `fit: class 1 of the training set is "r", of the model's training data "q"; give both the same classNames`,
  ]);
  t.notThrows(() => trainer.fit(wrongly(data), { validation: wrongly(data.take(1)) }));
});

test('one-hot labels keep the columns', async (t) => {
  const data = (await csv(fileWith(t, 'a,city,y\n1,Oslo,p\n2,Rome,q\n'), { target: 'y' })).oneHot();
  const model = sequential({ inputShape: data.inputShape }, [dense({ units: 2 })]);
  await new Trainer(model, { optimizer: adagrad(), loss: 'meanSquaredError' }).fit(data);
  t.deepEqual(
    model.predictSync([{ a: 1, city: 'Oslo' }]).data,
    model.predictSync(Float32Array.of(1, 1, 0)).data,
  );
  const path = fileWith(t, 'a,city,y\n1,Oslo,p\n');
  t.is((await csv(path, { like: data, labelKind: wrongly('none') })).labelKind, wrongly('none'));
  await checkError(t, 'INVALID_OPTION', [
    () => csv(path, { like: data }),
    'csv: the labels of { like } come from oneHot; give { labelKind: "none" }, or read like the dataset before',
  ]);
});

type Edit = (table: Record<string, never>) => unknown;
const DAMAGES: readonly (readonly [edit: Edit, message: string])[] = [
  [() => null, 'table: options must be an object with inputs, targets and unknown, got null'],
  [(table) => ({ ...table, inputs: 3 }), 'table: inputs must be a list, got 3'],
  [
    (table) => ({ ...table, inputs: [null] }),
    'table: inputs[0]: options must be an object with name, kind, missing and mean, got null',
  ],
  [
    (table) => ({ ...table, inputs: [{ kind: 'number', name: 'a', missing: 'mean', mean: null }] }),
    'table: inputs[0]: mean must be a finite number, got null',
  ],
  [
    (table) => ({ ...table, inputs: [{ kind: 'number', name: 'a', missing: 'zero', mean: 0 }] }),
    'table: its columns give 1 values, the architecture takes samples of shape [3]',
  ],
  [(table) => ({ ...table, targets: table.inputs }), 'table: two columns have the name "a"'],
  [
    (table) => ({
      ...table,
      inputs: [{ kind: 'category', name: 'c', missing: 'category', encoding: 'index', categories: ['x'] }],
    }),
    'table: inputs[0]: missing "category" does not fit its categories and encoding',
  ],
];

test('a damaged table in a file is an error of the file', async (t) => {
  const model = await train(await csv(fileWith(t, 'a,city,y\n1,Oslo,p\n2,Rome,q\n'), { target: 'y' }));
  const path = join(folderWith(t, {}), 'model');
  await model.save(path);
  const { metadata, tensors } = decodeSafetensors(await readFile(path), path);
  for (const [edit, message] of DAMAGES) {
    const table = JSON.stringify(edit(JSON.parse(metadata.table as string)));
    await writeFile(path, encodeSafetensors([...tensors], { ...metadata, table }));
    await checkError(t, 'FILE_FORMAT', [() => loadModel(path), `${path}: metadata "table": ${message}`]);
  }
  await writeFile(path, encodeSafetensors([...tensors], { ...metadata, classNames: '["a","a"]' }));
  await checkError(t, 'FILE_FORMAT', [
    () => loadModel(path),
    `${path}: metadata "classNames": classNames: classNames must be an array of different strings, got an array of 2`,
  ]);
});
