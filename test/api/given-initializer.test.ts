import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { conv2d, dense, type Layer, loadModel, sequential } from '../../lib/index.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

const VALUES = [
  [1, 2, 3],
  [4, 5, 6.5],
];
const FLAT = Float32Array.from(VALUES.flat());
const given = (values: number[][] | ArrayLike<number>, bias = [7, 8]) =>
  dense({
    units: 2,
    weightInitializer: { kind: 'given', values },
    biasInitializer: { kind: 'given', values: bias },
  });
const model = (layer: Layer) => sequential({ inputShape: [3] }, [layer]);
const weightOf = (layer: Layer) => model(layer).getWeights()['dense_1.weight'];

test('values nested, in one row and in any typed array start the weights', (t) => {
  for (const values of [
    VALUES,
    VALUES.flat(),
    FLAT,
    Float64Array.from(FLAT),
    VALUES.map((row) => Float32Array.from(row)),
  ]) {
    t.deepEqual(weightOf(given(wrongly(values))), { data: FLAT, shape: [2, 3] });
  }
  t.deepEqual(model(given(VALUES)).getWeights()['dense_1.bias']?.data, Float32Array.of(7, 8));
  t.deepEqual(model(given(VALUES)).predictSync([[1, 1, 2]]).data, Float32Array.of(9 + 7, 22 + 8));
});

test('four dimensions, for a convolution of whatever layout', (t) => {
  const data = Float32Array.from({ length: 5 * 2 * 3 * 2 }, (_, index) => index);
  const nested = Array.from({ length: 5 }, (_, k) =>
    Array.from({ length: 2 }, (_, c) =>
      Array.from({ length: 3 }, (_, r) => Array.from({ length: 2 }, (_, s) => ((k * 2 + c) * 3 + r) * 2 + s)),
    ),
  );
  for (const values of [data, nested]) {
    const layer = conv2d({ filters: 5, kernelSize: [3, 2], weightInitializer: { kind: 'given', values } });
    const { 'conv2d_1.weight': weight } = sequential({ inputShape: [6, 6, 2] }, [layer]).getWeights();
    t.deepEqual(weight, { data, shape: [5, 2, 3, 2] });
  }
});

test('the values are copied when the layer is described, and may start several models', (t) => {
  const values = FLAT.slice();
  const layer = given(values);
  values.fill(0);
  t.deepEqual(weightOf(layer)?.data, FLAT);
  t.deepEqual(weightOf(layer)?.data, FLAT);
});

test('a description is small frozen data, and a file holds the trained weights alone', async (t) => {
  const layer = given(VALUES);
  t.deepEqual(JSON.parse(JSON.stringify(layer)).weightInitializer, { kind: 'given', shape: [2, 3] });
  t.true(Object.isFrozen(layer.weightInitializer));
  const trained = model(layer);
  const weights = { 'dense_1.weight': { data: new Float32Array(6).fill(3), shape: [2, 3] } };
  trained.setWeights({ ...trained.getWeights(), ...weights });
  const path = join(mkdtempSync(join(tmpdir(), 'gradloom-')), 'given.safetensors');
  await trained.save(path);
  t.false(readFileSync(path, 'latin1').includes('6.5'));
  const loaded = await loadModel(path);
  t.deepEqual(loaded.getWeights(), trained.getWeights());
  // Copies of the model need no values: the weights come along.
  t.deepEqual(loaded.clone().getWeights(), trained.getWeights());
  t.deepEqual(
    loaded.fork({}, [dense({ units: 1 })]).getWeights()['dense_1.weight'],
    weights['dense_1.weight'],
  );
});

const LOST =
  'has a given initializer without its values, which no copy or text of a description keeps; describe the layer anew with { kind: "given", values }';
const wrong = (values: unknown): WrongUse[1] =>
  `dense: weightInitializer must be one of "glorotUniform", "glorotNormal", "heUniform", "heNormal", "lecunUniform", "lecunNormal", "zeros", "orthogonal", { kind: "orthogonal", gain }, { kind: "constant", value }, { kind: "truncatedNormal", standardDeviation } or { kind: "given", values }, each number finite and neither gain nor standardDeviation below 0, got ${values}`;

testErrors(test, 'INVALID_OPTION', [
  [
    () =>
      given([
        [1, 2, 3],
        [4, 5],
      ]),
    wrong('an object'),
  ],
  [
    () =>
      given([
        [1, 2, 3],
        [4, 5, Number.NaN],
      ]),
    wrong('an object'),
  ],
  [() => given([1e39]), wrong('an object')],
  [() => given(wrongly([[1, 2], 3])), wrong('an object')],
  [() => given(wrongly([1, [2, 3]])), wrong('an object')],
  [() => given([]), wrong('an object')],
  [() => given([[], []]), wrong('an object')],
  [() => given(wrongly([[[[[1]]]]])), wrong('an object')],
  [() => given(wrongly('123456')), wrong('an object')],
  [() => dense({ units: 1, weightInitializer: wrongly('given') }), wrong('"given"')],
  [() => model(structuredClone(given(VALUES))), `sequential: layers[0] ${LOST}`],
  [() => model(given(VALUES)).fork({}, [structuredClone(given(VALUES))]), `fork: layers[0] ${LOST}`],
]);
testErrors(test, 'SHAPE_MISMATCH', [
  [
    () =>
      model(
        given([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
      ),
    'dense_1.weight has shape [2, 3], its given initial values have shape [3, 2]',
  ],
  [() => model(given(FLAT, [1])), 'dense_1.bias has shape [2], its given initial values have shape [1]'],
]);
