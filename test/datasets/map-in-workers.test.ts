/** `map` by a module, in Workers. Workers: 1 to 3. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { fromArrays, fromSparse } from '../../lib/index.ts';
import { checkError, wrongly } from '../api/errors.ts';
import { fileWith, folderWith } from './files.ts';
import { labelsOf, rowsOf } from './rows.ts';

const moduleWith = (t: ExecutionContext, text: string, name = 'transform.mjs') =>
  pathToFileURL(fileWith(t, text, name));

// More values than one Worker gets at once, three times over and some.
const SIZE = 700;
const sounds = fromArrays({
  inputs: Uint8Array.from({ length: 301 * SIZE }, (_, i) => (i * i) % 251),
  inputShape: [SIZE],
  labels: Array.from({ length: 301 }, (_, i) => i % 7),
  sampleWeights: Float32Array.from({ length: 301 }, (_, i) => i),
}).normalize();
const sums = ({ input, label }: { input: ArrayLike<number>; label: number }, place: number) => {
  const values = Array.from(input);
  return [
    [values.reduce((sum, value) => sum + value, 0), label],
    [place, values[place] as number],
  ];
};

test('samples become what map makes of them, for any number of Workers', async (t) => {
  const module = moduleWith(t, `export default ${sums};`);
  const expected = sounds.map(sums, { inputShape: [2, 2] });
  for (const workers of [1, 2, 3, undefined]) {
    const mapped = await sounds.map(module, { inputShape: [2, 2], ...(workers && { workers }) });
    t.deepEqual(mapped.inputShape, [2, 2]);
    t.deepEqual(rowsOf(mapped), rowsOf(expected));
    t.deepEqual(labelsOf(mapped), labelsOf(sounds));
    t.deepEqual(mapped.describe(), expected.describe());
  }
  const view = sounds.shuffle(3).take(150);
  t.deepEqual(
    rowsOf(await view.map(module, { inputShape: [4] })),
    rowsOf(view.map(sums, { inputShape: [4] })),
  );
});

test('transforms may be async, of CommonJS, and of sparse samples', async (t) => {
  const data = fromSparse({ inputShape: [3], samples: [[0], [1, 2], []], labels: [0, 1, 0] });
  const expected = [
    [2, 0, 0],
    [0, 2, 2],
    [0, 0, 0],
  ];
  const twice = 'async ({ input }) => { await null; return input.map((value) => 2 * value); }';
  for (const [name, text] of [
    ['a.mjs', `export default ${twice}`],
    ['b.cjs', `module.exports = ${twice}`],
    ['c.cjs', `exports.__esModule = true; exports.default = ${twice}`],
  ] as const) {
    t.deepEqual(rowsOf(await data.map(moduleWith(t, text, name))), expected);
  }
});

test('the event loop turns while a transform does not let go of its thread', async (t) => {
  const folder = folderWith(t, {});
  const [begun, answered] = [join(folder, 'begun'), join(folder, 'answered')];
  const module = moduleWith(
    t,
    `import { existsSync, writeFileSync } from 'node:fs';
    const wait = new Int32Array(new SharedArrayBuffer(4));
    export default ({ input }) => {
      writeFileSync(${JSON.stringify(begun)}, '');
      while (!existsSync(${JSON.stringify(answered)})) Atomics.wait(wait, 0, 0, 2);
      return input;
    };`,
  );
  const timer = setInterval(() => {
    if (existsSync(begun)) writeFileSync(answered, '');
  }, 1);
  t.teardown(() => clearInterval(timer));
  const one = sounds.take(1);
  t.deepEqual(rowsOf(await one.map(module)), rowsOf(one));
});

test('what goes wrong names the sample, or the module', async (t) => {
  const at = (place: number, value: string) =>
    moduleWith(t, `export default ({ input }, place) => (place === ${place} ? ${value} : input);`);
  const fails = (code: Parameters<typeof checkError>[1], module: URL, message: string) =>
    checkError(t, code, [() => sounds.map(module, { workers: 2 }), message]);
  await fails('INVALID_DATA', at(250, "(() => { throw new Error('mine'); })()"), 'map: sample 250: mine');
  await fails('INVALID_DATA', at(7, '() => 1'), 'map: sample 7: () => 1 could not be cloned.');
  await fails(
    'INVALID_DATA',
    at(299, 'input.fill(NaN)'),
    'map: sample 299: value 0 is NaN, no number that is finite as float32',
  );
  await fails(
    'SHAPE_MISMATCH',
    at(1, 'undefined'),
    'map: sample 1: transform must return the 700 values of a sample [700], got no array of numbers; give { inputShape } for another shape',
  );
  const refuses = async (module: URL, what: string) =>
    fails(
      'INVALID_OPTION',
      module,
      `map: ${module} ${what}; give the URL of a module whose default export transforms a sample`,
    );
  await refuses(
    moduleWith(t, 'export const transform = 1;'),
    'cannot be used: it has no function as its default export',
  );
  await refuses(moduleWith(t, "throw new Error('mine');"), 'cannot be used: mine');
  await refuses(at(5, 'process.exit(3)'), 'ended its Worker, with exit code 3, before all samples were done');
  const missing = new URL('no.mjs', import.meta.url);
  const { message } = (await t.throwsAsync(sounds.map(missing), { code: 'INVALID_OPTION' })) as Error;
  t.regex(message, /^map: file:.*no\.mjs cannot be used: Cannot find module/);
  for (const [thrown, what] of [
    ["new Error('later')", 'later'],
    ['null', 'null'],
  ]) {
    const text = `export default async () => { setTimeout(() => { throw ${thrown}; }); await new Promise(() => {}); };`;
    await refuses(moduleWith(t, text), `ended its Worker: ${what}`);
  }
  await checkError(t, 'INVALID_OPTION', [
    () => sounds.map(missing, wrongly({ workers: 0 })),
    'map: workers must be an integer from 1 to 1024, got 0',
  ]);
});
