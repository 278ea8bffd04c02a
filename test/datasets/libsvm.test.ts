import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type LibsvmOptions, libsvm } from '../../lib/datasets/index.ts';
import { adagrad, loadModel, sequential, sparseDense, Trainer } from '../../lib/index.ts';
import { folderWith } from './files.ts';
import { rowsOf } from './rows.ts';

const read = (t: ExecutionContext, text: string, options: LibsvmOptions = {}) =>
  libsvm(join(folderWith(t, { x: text }), 'x'), options);

test("LIBSVM's and SVMlight's lines: signs, exponents, comments, query ids, blank lines, no feature", async (t) => {
  const data = await read(t, '+1 1:0.5 3:-2e-1 # first\r\n\n-1 qid:4 2:1\t3:.25\n# nothing\n2.5');
  t.deepEqual(rowsOf(data), [
    [0.5, 0, Math.fround(-0.2)],
    [0, 1, 0.25],
    [0, 0, 0],
  ]);
  t.deepEqual(
    [0, 1, 2].map((place) => data.classNames?.[data.labelAt(place) as number]),
    ['1', '-1', '2.5'],
  );
  t.deepEqual(data.classNames, ['-1', '1', '2.5']);
});

test('values as labels, features from 0, and more features than the file names', async (t) => {
  const data = await read(t, '0.5 0:1\n-3 1:2\n', { labelKind: 'values', firstFeature: 0, features: 4 });
  t.deepEqual(rowsOf(data), [
    [1, 0, 0, 0],
    [0, 2, 0, 0],
  ]);
  t.deepEqual([data.labelAt(0), data.labelAt(1)], [Float32Array.of(0.5), Float32Array.of(-3)]);
});

test('a file is read like another, or as a model takes it', async (t) => {
  const readClasses = (text: string, options: LibsvmOptions<'class'> = {}) =>
    libsvm(join(folderWith(t, { x: text }), 'x'), options);
  const train = await readClasses('2 0:1 4:1\n7 1:1\n5 2:3\n', { firstFeature: 0 });
  t.is(train.firstFeature, 0);
  const test = await readClasses('7 0:2\n5 4:1\n', { like: train });
  t.deepEqual(rowsOf(test), [
    [2, 0, 0, 0, 0],
    [0, 0, 0, 0, 1],
  ]);
  t.deepEqual([test.classNames, test.firstFeature], [['2', '5', '7'], 0]);
  t.deepEqual([test.labelAt(0), test.labelAt(1)], [2, 1]);
  const model = sequential({ inputShape: train.inputShape }, [sparseDense({ units: 3 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  await trainer.fit(train, { epochs: 1 });
  t.is(model.firstFeature, 0);
  const path = join(folderWith(t, {}), 'model.safetensors');
  await model.save(path);
  t.deepEqual(rowsOf(await read(t, '5 4:1\n', { like: await loadModel<[5]>(path) })), [[0, 0, 0, 0, 1]]);
  t.is(test.concat(test).firstFeature, 0);
  await t.throwsAsync(() => read(t, '3 1:1\n', { like: train }), {
    code: 'INVALID_DATA',
    message: /line 1: the label 3 is none of the classes 2, 5 and 7$/,
  });
  const shifted = await readClasses('2 1:1\n5 5:1\n7 2:1\n');
  await t.throwsAsync(async () => trainer.evaluate(shifted), {
    code: 'INVALID_DATA',
    message: /features of .* count from 1, those of .* from 0; read both by libsvm with one firstFeature/,
  });
  await t.throwsAsync(() => read(t, '2 5:1\n', { like: train }), { code: 'ID_OUT_OF_RANGE' });
  t.deepEqual(rowsOf(await read(t, '2 0:1 5:1\n', { like: train, unknown: 'missing' })), [[1, 0, 0, 0, 0]]);
  await t.throwsAsync(() => read(t, '2 0:1\n', { like: {} as never }), { code: 'INVALID_OPTION' });
});

test('wrong files and features: the line, and what to do', async (t) => {
  const fail = (text: string, options: LibsvmOptions, code: string, message: RegExp) =>
    t.throwsAsync(() => read(t, text, options), { code, message });
  await fail(
    '1 1:2\n1 2\n',
    {},
    'FILE_FORMAT',
    /x: line 2: expected feature:value with a number on both sides, got "2"$/,
  );
  await fail('1 1:x\n', {}, 'FILE_FORMAT', /line 1: expected feature:value/);
  await fail('one 1:1\n', {}, 'FILE_FORMAT', /line 1: a line begins with its label, a number, got "one"$/);
  await fail(
    '1 0:1\n',
    {},
    'FILE_FORMAT',
    /feature 0 does not exist where features count from 1; give { firstFeature: 0 }$/,
  );
  await fail(
    '1 7:1\n',
    { features: 6 },
    'ID_OUT_OF_RANGE',
    /line 1: feature 7 is beyond the 6 features of samples$/,
  );
  await fail('# none\n', {}, 'INVALID_DATA', /libsvm: there is no sample/);
  await t.throwsAsync(() => libsvm('/nowhere/at.all'), { code: 'FILE_NOT_FOUND' });
});
