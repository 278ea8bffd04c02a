import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { callNative, GradloomError, toGradloomError } from '../../lib/core/errors.ts';
import { formatValue, listOf, suggest } from '../../lib/core/options.ts';
import { sizeOf } from '../../lib/core/shape.ts';
import { info } from '../../lib/index.ts';
import { native } from '../../lib/native/index.ts';
import { checkError } from './errors.ts';

test("the addon's errors become GradloomErrors with their code, text and cause", (t) => {
  const cause = Object.assign(new Error('no memory for 8 bytes'), { code: 'OUT_OF_MEMORY' });
  const error = toGradloomError(cause);
  t.true(error instanceof GradloomError);
  t.like(error, { name: 'GradloomError', code: 'OUT_OF_MEMORY', message: 'no memory for 8 bytes', cause });
});

test('a code that is not public is a defect of ours', (t) => {
  t.like(toGradloomError(Object.assign(new Error('x'), { code: 'NOT_KNOWN' })), { code: 'INTERNAL' });
});

const publicCode = (code: string) =>
  (toGradloomError(Object.assign(new Error('x'), { code })) as GradloomError).code;

test('what only the native core tells apart has a public code', (t) => {
  t.is(publicCode('INVALID_SPEC'), 'INVALID_OPTION');
  t.is(publicCode('INVALID_ARGUMENT'), 'INVALID_OPTION');
  t.is(publicCode('UNKNOWN_KIND'), 'INVALID_OPTION');
  t.is(publicCode('LABELS_MISSING'), 'INVALID_DATA');
  t.throws(() => callNative(() => new native.Model({ inputShape: [2], seed: 0, layers: [] })), {
    code: 'INVALID_OPTION',
  });
});

test('every code of the native core is public or has a public one', (t) => {
  const folder = fileURLToPath(new URL('../../native', import.meta.url));
  const codes = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(cc|h)$/.test(file))
    .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/\bError\(\s*"([A-Z_]+)"/g)])
    .map(([, code]) => code as string);
  t.true(codes.includes('UNKNOWN_KIND') && codes.includes('SHAPE_MISMATCH'));
  t.deepEqual(
    codes.filter((code) => publicCode(code) === 'INTERNAL'),
    [],
  );
});

test('errors without a code, our own and what is no error stay as they are', (t) => {
  for (const error of [new TypeError('x'), new GradloomError('INVALID_DATA', 'x'), 'x', undefined]) {
    t.is(toGradloomError(error), error);
  }
});

test('the nearest name is suggested, or all of them are named', (t) => {
  t.is(suggest('epoch', ['epochs', 'batchSize']), 'did you mean "epochs"?');
  t.is(suggest('BATCHSIZE', ['epochs', 'batchSize']), 'did you mean "batchSize"?');
  t.is(suggest('x', ['epochs', 'batchSize']), 'there are epochs and batchSize');
  t.is(suggest('x', ['epochs']), 'there is only epochs');
  t.is(suggest('x', []), 'there is none');
});

test('values are shown short and on one line', (t) => {
  class Custom {}
  const shown = [
    ['a\nb', '"a\\nb"'],
    ['x'.repeat(100), `"${'x'.repeat(59)}...`],
    [-0, '-0'],
    [Number.NaN, 'NaN'],
    [5n, '5n'],
    [Symbol('s'), 'Symbol(s)'],
    [null, 'null'],
    [undefined, 'undefined'],
    [() => 1, 'a function'],
    [[1, 2], '[1, 2]'],
    [['a'], 'an array of 1'],
    [{}, 'an object'],
    [Object.create(null), 'an object'],
    [new Custom(), 'an object of class Custom'],
    [new Float64Array(3), 'Float64Array(3)'],
    [new DataView(new ArrayBuffer(4)), 'DataView(4)'],
  ] as const;
  for (const [value, text] of shown) t.is(formatValue(value), text);
});

test('lists read as sentences do', (t) => {
  t.deepEqual(
    [listOf([]), listOf(['a']), listOf(['a', 'b']), listOf(['a', 'b', 'c'], 'or')],
    ['', 'a', 'a and b', 'a, b or c'],
  );
});

test('a size beyond 2^53 is an error', async (t) => {
  t.is(sizeOf([2, 3, 4]), 24);
  t.is(sizeOf([]), 1);
  await checkError(t, 'SHAPE_TOO_LARGE', [
    () => sizeOf([2 ** 30, 2 ** 30]),
    'shape [1073741824, 1073741824] has more values than can be addressed',
  ]);
});

test('info tells of the native part', (t) => {
  const { version, defaultThreads, blas } = info();
  t.regex(version, /^\d+\.\d+\.\d+/);
  t.true(Number.isInteger(defaultThreads) && defaultThreads >= 1);
  t.regex(blas, /OpenBLAS/);
});
