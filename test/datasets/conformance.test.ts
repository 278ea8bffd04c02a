/**
 * What holds for every dataset, whatever it was read from. Finds the readers by the exports: one without an example in
 * `examples.ts` fails here.
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { GradloomError } from '../../lib/core/errors.ts';
import { RandomStream } from '../../lib/core/philox.ts';
import { partsOf } from '../../lib/datasets/dataset.ts';
import * as exported from '../../lib/datasets/index.ts';
import { type Dataset, standardize } from '../../lib/datasets/index.ts';
import { isSparse } from '../../lib/datasets/parts/stored-inputs.ts';
import { loadSharp } from '../../lib/formats/image.ts';
import { adagrad, dense, flatten, loadModel, sequential, Trainer } from '../../lib/index.ts';
import { wrongly } from '../api/errors.ts';
import { EXAMPLES, type Example } from './examples.ts';
import { folderWith } from './files.ts';
import { labelsOf, rowsOf } from './rows.ts';

/** Exported functions that give no dataset of their own. */
const OTHERS = [
  'Dataset',
  'crossFeatures',
  'fromInputs',
  'fromStream',
  'fromTable',
  'readCifar10',
  'readCsv',
  'readIdx',
  'readImage',
  'readNpy',
  'standardize',
  'writeNpy',
  'writeShards',
];

const NEEDS_SHARP = ['imageFolder'];
const hasSharp = await loadSharp('test').then(
  () => true,
  () => false,
);

test('every exported reader has an example', (t) => {
  const functions = Object.entries(exported)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => name);
  t.deepEqual(
    functions.filter((name) => !OTHERS.includes(name)).sort(),
    [...new Set(Object.keys(EXAMPLES).map((name) => name.replace(/, .*/, '')))].sort(),
  );
});

function forEachReader(title: string, check: (t: ExecutionContext, example: Example) => Promise<void>): void {
  for (const [name, example] of Object.entries(EXAMPLES)) {
    test(`${name}: ${title}`, async (t) => {
      if (hasSharp || !NEEDS_SHARP.includes(name)) return await check(t, example);
      t.log('skipped: the package sharp is not installed');
      t.pass();
    });
  }
}

/** t.deepEqual, which takes seconds over so many numbers, only where they differ: it shows how. */
function same(t: ExecutionContext, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) t.pass();
  else t.deepEqual(actual, expected);
}

const readExample = (t: ExecutionContext, { files, read }: Example) => read(folderWith(t, files));

forEachReader('shapes, labels and names agree, and reading again gives the same', async (t, example) => {
  const data = await readExample(t, example);
  t.true(Object.isFrozen(data) && data.length > 0);
  const size = data.inputShape.reduce((product, extent) => product * extent, 1);
  const rows = rowsOf(data);
  t.true(rows.every((row) => row.length === size && row.every(Number.isFinite)));
  for (const label of labelsOf(data)) {
    if (data.labelKind === 'none') t.is(label, undefined);
    else if (data.labelKind === 'class')
      t.true((label as number) >= 0 && (label as number) < data.classCount);
    else
      t.is(
        (label as Float32Array).length,
        data.labelShape.reduce((product, extent) => product * extent, 1),
      );
  }
  if (data.classNames !== undefined) t.is(data.classNames.length, data.classCount);
  if (data.table !== undefined) t.is(data.table.featureNames.length, size);
  const again = await readExample(t, example);
  same(t, [rowsOf(again), labelsOf(again)], [rows, labelsOf(data)]);
});

forEachReader('views hold the samples that they name', async (t, example) => {
  const data = await readExample(t, example);
  const [rows, labels] = [rowsOf(data), labelsOf(data)];
  const last = data.length - 1;
  const view = data.select([last, 0, last]);
  same(
    t,
    [rowsOf(view), labelsOf(view)],
    [[last, 0, last].map((place) => rows[place]), [last, 0, last].map((place) => labels[place])],
  );
  same(t, rowsOf(data.take(2).concat(view)), [rows[0], rows[1], ...rowsOf(view)]);
  const key = (set: Dataset) => rowsOf(set).map((row, place) => JSON.stringify([row, set.labelAt(place)]));
  const [first, second] = data.split({ fraction: 0.5, seed: 3 });
  same(t, [...key(first), ...key(second)].sort(), key(data).sort());
  same(t, key(data.shuffle(1)).sort(), key(data).sort());
  t.deepEqual(
    key(data.kFold({ k: 2 }).flatMap(([, part]) => part)[0] as Dataset).length,
    Math.ceil(data.length / 2),
  );
});

forEachReader('describe, map and normalize', async (t, example) => {
  const data = await readExample(t, example);
  if (isSparse(partsOf(data).inputs)) {
    t.like(data.describe(), { samples: data.length, columns: [] });
    same(t, rowsOf(data.map(({ input }) => input)), rowsOf(data));
    t.throws(() => data.normalize({ mean: 1 }), { code: 'INVALID_DATA' });
    return;
  }
  const { samples, columns, classes, targets } = data.describe();
  t.is(samples, data.length);
  const channels = data.inputShape.at(-1) as number;
  t.is(columns.length, data.table?.inputs.length ?? channels);
  const perSample = rowsOf(data)[0]?.length as number;
  const expected = data.table === undefined ? (data.length * perSample) / channels : data.length;
  t.true(columns.every(({ count, missing }) => count + missing === expected));
  if (data.labelKind === 'class') {
    t.is(classes.length, data.classCount);
    t.is(
      classes.reduce((sum, { count }) => sum + count, 0),
      data.length,
    );
  } else t.is(targets.length, data.labelKind === 'values' ? data.labelShape.reduce((a, b) => a * b, 1) : 0);
  const mapped = data.map(({ input }) => input);
  same(
    t,
    [rowsOf(mapped), labelsOf(mapped), mapped.classNames],
    [rowsOf(data), labelsOf(data), data.classNames],
  );
  const shifted = rowsOf(data.normalize({ mean: 2, std: 4 })).flat();
  const reference = rowsOf(data).flat();
  t.true(shifted.every((value, i) => Math.abs(value - ((reference[i] as number) - 2) / 4) < 1e-5));
  const norms = rowsOf(data.normalize({ norm: 'l1' })).map((row) =>
    row.reduce((sum, v) => sum + Math.abs(v), 0),
  );
  t.true(norms.every((norm) => norm === 0 || Math.abs(norm - 1) < 1e-5));
});

forEachReader(
  'the native side sees what at() gives, before and after a model is saved',
  async (t, example) => {
    const read = await readExample(t, example);
    const [data] = isSparse(partsOf(read).inputs) ? [read] : standardize(read);
    const view = data.select([data.length - 1, 1, 1, 0]);
    const flat = sequential({ inputShape: data.inputShape }, [flatten()]);
    const seen = (await flat.predict(view)).data;
    const given = rowsOf(view).flat();
    t.true(seen.every((value, i) => Math.abs(value - (given[i] as number)) < 1e-5));
    const units = Math.max(
      data.classCount,
      data.labelShape.reduce((product, extent) => product * extent, 1),
    );
    const model = sequential({ inputShape: data.inputShape, seed: 1 }, [flatten(), dense({ units })]);
    const loss = data.labelKind === 'class' ? 'softmaxCrossEntropy' : 'meanSquaredError';
    const trainer = new Trainer(model, { optimizer: adagrad(), loss });
    const { epochs } = await trainer.fit(wrongly(data), { epochs: 2, batchSize: 5 });
    t.true(epochs.every((epoch) => Number.isFinite(epoch.loss)));
    const path = join(folderWith(t, {}), 'model');
    await model.save(path);
    const loaded = await loadModel(path);
    t.deepEqual(await loaded.predict(view), await model.predict(view));
    t.deepEqual([loaded.classNames, loaded.table?.inputs], [data.classNames, data.table?.inputs]);
  },
);

forEachReader(
  'a file that is cut or changed is an error of ours or a whole dataset',
  async (t, { files, read }) => {
    const random = new RandomStream(7, 'shuffle');
    for (const [name, contents] of Object.entries(files)) {
      const bytes = Buffer.from(contents as Uint8Array);
      for (let trial = 0; trial < 24; trial++) {
        const place = random.below(bytes.length);
        const damaged = Uint8Array.from(bytes);
        damaged[place] = random.below(256);
        const altered = trial % 2 === 0 ? damaged : bytes.subarray(0, place);
        const folder = folderWith(t, { ...files, [name]: altered });
        try {
          const data = await read(folder);
          t.true(rowsOf(data).flat().every(Number.isFinite));
        } catch (error) {
          t.true(error instanceof GradloomError, `${name}, trial ${trial}: ${error}`);
          t.not((error as GradloomError).code, 'INTERNAL');
        }
      }
      if (files === EXAMPLES.imageFolder?.files) break;
    }
    t.pass();
  },
);
