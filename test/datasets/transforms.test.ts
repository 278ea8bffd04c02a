/** normalize and map. */
import { join } from 'node:path';
import test from 'ava';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import {
  adagrad,
  csv,
  type Dataset,
  dense,
  flatten,
  fromArrays,
  loadModel,
  sequential,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { checkError, testErrors, wrongly } from '../api/errors.ts';
import { fileWith, folderWith } from './files.ts';
import { labelsOf, rowsOf } from './rows.ts';

const BYTES = Uint8Array.of(0, 51, 255, 102, 0, 0, 10, 20, 30, 7, 8, 9);
const images = fromArrays({ inputs: BYTES, inputShape: [1, 2, 3], labels: [0, 1] });
const points = fromArrays({
  inputs: [
    [3, -4, 0],
    [0, 0, 0],
    [1, 2, -2],
  ],
  inputShape: [3],
  labels: [1, 0, 1],
  sampleWeights: Float32Array.of(1, 2, 3),
});

function isNear(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => Math.abs(value - (b[i] as number)) < 1e-6);
}

test('bytes become [0, 1] and stay bytes', (t) => {
  const scaled = images.normalize();
  t.deepEqual(scaled.at(0).input, Float32Array.from([0, 0.2, 1, 0.4, 0, 0]));
  t.is(nativeSamples(scaled).inputs.constructor, Uint8Array);
});

test('mean and std by channel, behind the preprocessing that is there', (t) => {
  const [mean, std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ] as const;
  const data = images.normalize().normalize({ mean, std });
  for (let place = 0; place < 2; place++) {
    const expected = Array.from(
      BYTES.subarray(place * 6, place * 6 + 6),
      (byte, j) => (byte / 255 - (mean[j % 3] as number)) / (std[j % 3] as number),
    );
    t.true(isNear([...data.at(place).input], expected));
  }
  t.deepEqual(rowsOf(points.normalize({ mean: 1, std: [1, 2, 4] }))[0], [2, -2.5, -0.25]);
  t.deepEqual(rowsOf(points.normalize({ std: 2 }).take(1)), [[1.5, -2, 0]]);
});

test('each sample by its own norm; zeros stay, labels and weights follow', (t) => {
  t.deepEqual(rowsOf(points.normalize({ norm: 'l2' })), [
    [3 / 5, -4 / 5, 0].map(Math.fround),
    [0, 0, 0],
    [1 / 3, 2 / 3, -2 / 3].map(Math.fround),
  ]);
  t.deepEqual(rowsOf(points.normalize({ norm: 'l1' }))[0], [3 / 7, -4 / 7, 0].map(Math.fround));
  t.deepEqual(rowsOf(points.normalize({ norm: 'max' }))[0], [3 / 4, -1, 0]);
  const view = points.select([2, 0]).normalize({ norm: 'max' });
  t.deepEqual(
    [rowsOf(view), labelsOf(view)],
    [
      [
        [0.5, 1, -1],
        [0.75, -1, 0],
      ],
      [1, 1],
    ],
  );
  t.deepEqual(nativeSamples(view as Dataset<[3], 'class'>).sampleWeights, Float32Array.of(3, 1));
});

test('a model does to raw samples what normalize and standardize did, before and after saving', async (t) => {
  const inputs = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i) * 5 + i);
  const raw = fromArrays({ inputs, inputShape: [5, 1], labels: [0, 1, 1, 0, 1, 0] });
  const [data] = standardize(
    raw.normalize({ mean: 2, std: 3 }).normalize({ norm: 'l2' }).normalize({ norm: 'l1' }),
  );
  const model = sequential({ inputShape: [5, 1], seed: 2 }, [flatten(), dense({ units: 2 })]);
  await new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' }).fit(data, { epochs: 2 });
  const path = join(folderWith(t, {}), 'model');
  await model.save(path);
  const loaded = await loadModel(path);
  const expected = await model.predict(data);
  t.deepEqual(await model.predict(inputs), expected);
  t.deepEqual(await loaded.predict(inputs), expected);
  t.deepEqual(loaded.predictSync(inputs), expected);
  t.deepEqual(await loaded.evaluate(data), await model.evaluate(data));
  const error = await t.throwsAsync(loaded.evaluate(wrongly(raw)));
  t.regex(error?.message ?? '', /with norm "l2", norm "l1", scale/);
});

test('rows of a table go through a norm, too', async (t) => {
  const table = await csv(fileWith(t, 'a,b,y\n3,4,p\n5,12,q\n'), { target: 'y' });
  const data = table.normalize({ norm: 'l2' });
  const model = sequential({ inputShape: data.inputShape }, [dense({ units: 2 })]);
  await new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' }).fit(data);
  t.deepEqual(
    model.predictSync([
      { a: 3, b: 4 },
      { a: 5, b: 12 },
    ]),
    await model.predict(data),
  );
  t.deepEqual(
    data.describe().columns.map(({ name, max }) => [name, max]),
    [
      ['a', Math.fround(0.6)],
      ['b', Math.fround(12 / 13)],
    ],
  );
});

test('map: another shape, the same labels, names and weights; the sample as a model sees it', (t) => {
  const data = points
    .select([2, 0])
    .normalize({ std: 2 })
    .map(({ input, label }, place) => [input.reduce((sum, value) => sum + value, 0), label * 10 + place], {
      inputShape: [2],
    });
  t.deepEqual(rowsOf(data), [
    [0.5, 10],
    [-0.5, 11],
  ]);
  t.deepEqual([labelsOf(data), data.preprocessing], [[1, 1], { scale: [1], shift: [0] }]);
  t.deepEqual(nativeSamples(data as Dataset<[2], 'class'>).sampleWeights, Float32Array.of(3, 1));
  const nested = images.map(({ input }) => [[[...input.slice(0, 3)], [...input.slice(3)]]]);
  t.deepEqual(rowsOf(nested), rowsOf(images));
  t.deepEqual(rowsOf(images.map(({ input }) => input.map((value) => value + 1)))[1], [11, 21, 31, 8, 9, 10]);
});

test('a table is left behind by map and kept by mean and std', async (t) => {
  const table = await csv(fileWith(t, 'a,y\n3,p\n5,q\n'), { target: 'y' });
  t.is(table.map(({ input }) => input).table, undefined);
  t.is(table.normalize({ mean: 1 }).table, table.table);
});

testErrors(test, 'INVALID_OPTION', [
  [
    () => images.map(wrongly(3)),
    'map: transform must be a function, or the URL of a module whose default export is one, got 3',
  ],
  [
    () => points.normalize({ norm: 'l2', mean: 1 }),
    'normalize: give either { mean, std } or { norm }; for both, call it twice',
  ],
  [() => points.normalize({ std: [1, 0, 1] }), 'normalize: std must be above 0, got 0 at 1'],
  [() => points.normalize({ norm: wrongly('l3') }), 'normalize: norm must be "l1", "l2" or "max", got "l3"'],
  [
    () => points.normalize({ mean: 1e38, std: 1e-3 }),
    'normalize: mean and std of index 0 of the last axis lead beyond float32',
  ],
]);

testErrors(test, 'SHAPE_MISMATCH', [
  [() => points.normalize({ mean: [1, 2] }), 'normalize: mean has 2 values; give 1, or 3 for the last axis'],
  [
    () => points.map(({ input }, place) => (place === 1 ? [1] : input)),
    'map: sample 1: transform must return the 3 values of a sample [3], got 1 values; give { inputShape } for another shape',
  ],
  [
    () => points.map(wrongly(async () => [1, 2, 3])),
    'map: sample 0: transform must return the 3 values of a sample [3], got no array of numbers; give { inputShape } for another shape',
  ],
]);

testErrors(test, 'INVALID_DATA', [
  [
    () => points.normalize(),
    'normalize: without options bytes are taken from [0, 255] to [0, 1], but the samples are no bytes; give { mean, std } or { norm }',
  ],
  [
    () => images.normalize().normalize(),
    'normalize: without options bytes are taken from [0, 255] to [0, 1], but the samples are scaled already, see dataset.preprocessing; give { mean, std } or { norm }',
  ],
  [
    () => points.map(({ input }) => input.map(Math.log)),
    'map: sample 0: value 1 is NaN, no number that is finite as float32',
  ],
  [
    () =>
      points.map((_, place) => {
        if (place === 2) throw new TypeError('no luck');
        return [1, 2, 3];
      }),
    'map: sample 2: no luck',
  ],
  [
    () => points.map(() => wrongly(['a', 1, 2])),
    'map: sample 0: value 0 is "a", no number that is finite as float32',
  ],
]);

test('a damaged norm step in a file is an error of the file', async (t) => {
  const { decodeSafetensors, encodeSafetensors } = await import('../../lib/formats/safetensors.ts');
  const { readFile, writeFile } = await import('node:fs/promises');
  const data = points.normalize({ norm: 'l2' });
  const model = sequential({ inputShape: [3] }, [dense({ units: 2 })]);
  await new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' }).fit(data);
  const path = join(folderWith(t, {}), 'model');
  await model.save(path);
  const { metadata, tensors } = decodeSafetensors(await readFile(path), path);
  const preprocessing = JSON.stringify({
    scale: [1],
    shift: [0],
    before: [{ norm: 'l9', scale: [1], shift: [0] }],
  });
  await writeFile(path, encodeSafetensors([...tensors], { ...metadata, preprocessing }));
  await checkError(t, 'FILE_FORMAT', [
    () => loadModel(path),
    `${path}: metadata "preprocessing": preprocessing: before[0]: norm must be "l1", "l2" or "max", got "l9"`,
  ]);
});
