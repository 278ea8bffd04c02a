import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type NpyArray, npy } from '../../lib/datasets/index.ts';
import { nativeSamples } from '../../lib/datasets/native-samples.ts';
import { encodeNpy } from '../../lib/formats/npy.ts';
import { checkError } from '../api/errors.ts';
import { folderWith } from './files.ts';

function files(t: ExecutionContext, x: NpyArray, y?: NpyArray): { inputs: string; labels: string } {
  const folder = folderWith(t, { x: encodeNpy(x), ...(y === undefined ? {} : { y: encodeNpy(y) }) });
  return { inputs: join(folder, 'x'), labels: join(folder, 'y') };
}

const TWO: NpyArray = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

test('float32 inputs with int64 classes', async (t) => {
  const data = await npy({
    ...files(t, TWO, { shape: [2], data: BigInt64Array.of(2n, 0n) }),
    classNames: ['a', 'b', 'c'],
    scale: 2,
  });
  t.deepEqual(data.inputShape, [3]);
  t.deepEqual(
    [data.at(0), data.at(1)],
    [
      { input: Float32Array.of(2, 4, 6), label: 2 },
      { input: Float32Array.of(8, 10, 12), label: 0 },
    ],
  );
});

test('uint8 stays, other integers and float64 become float32', async (t) => {
  const shape = [2, 2, 1, 1];
  const read = async (data: NpyArray['data']) => {
    const set = await npy({ inputs: files(t, { shape, data }).inputs });
    t.deepEqual(set.inputShape, [2, 1, 1]);
    return nativeSamples(set).inputs;
  };
  t.deepEqual(await read(Uint8Array.of(1, 2, 3, 255)), Uint8Array.of(1, 2, 3, 255));
  t.deepEqual(await read(Int8Array.of(1, -2, 3, 4)), Float32Array.of(1, -2, 3, 4));
  t.deepEqual(await read(BigUint64Array.of(1n, 2n, 3n, 2n ** 63n)), Float32Array.of(1, 2, 3, 2 ** 63));
  t.deepEqual(await read(Float64Array.of(0.1, 1e-60, 3, 4)), Float32Array.of(0.1, 0, 3, 4));
});

test('target values of any type and shape', async (t) => {
  const flat = await npy({
    ...files(t, TWO, { shape: [2], data: Float64Array.of(0.5, 1.5) }),
    labelKind: 'values',
  });
  t.deepEqual([flat.labelShape, flat.labelAt(1)], [[1], Float32Array.of(1.5)]);
  const rows = await npy({
    ...files(t, TWO, { shape: [2, 1, 2], data: Int16Array.of(1, 2, 3, 4) }),
    labelKind: 'values',
  });
  t.deepEqual([rows.labelShape, rows.labelAt(1)], [[1, 2], Float32Array.of(3, 4)]);
});

test('what does not fit is refused with the file and the place', async (t) => {
  const far = files(t, { shape: [2, 2], data: Float64Array.of(1, 2, 3, -1e39) });
  await checkError(t, 'INVALID_DATA', [
    () => npy({ inputs: far.inputs }),
    `${far.inputs}: value 1 of sample 1 is -1e+39, which is not finite as float32; mend, rescale or drop such samples`,
  ]);
  const nan = files(t, { shape: [2, 2], data: Float32Array.of(1, 2, Number.NaN, 4) });
  await checkError(t, 'INVALID_DATA', [
    () => npy({ inputs: nan.inputs }),
    `${nan.inputs}: value 0 of sample 1 is NaN, which is not finite as float32; mend, rescale or drop such samples`,
  ]);
  for (const [shape, data] of [
    [[], Float32Array.of(1)],
    [[2], Float32Array.of(1, 2)],
    [[0, 2], new Float32Array(0)],
    [[2, 0], new Float32Array(0)],
  ] as const) {
    const { inputs } = files(t, { shape, data });
    await checkError(t, 'SHAPE_MISMATCH', [
      () => npy({ inputs }),
      `${inputs}: holds an array [${shape.join(', ')}]; inputs are [samples, ...], with at least one sample and one value`,
    ]);
  }
});

test('classes that are none', async (t) => {
  const big = files(t, TWO, { shape: [2], data: BigInt64Array.of(0n, 2n ** 31n) });
  await checkError(t, 'INVALID_DATA', [
    () => npy(big),
    `${big.labels}: value 1 is 2147483648; classes are integers of 32 bits, from 0, target values need labelKind "values"`,
  ]);
  const half = files(t, TWO, { shape: [2], data: Float64Array.of(1, 0.5) });
  await checkError(t, 'INVALID_DATA', [
    () => npy(half),
    `${half.labels}: value 1 is 0.5; classes are integers of 32 bits, from 0, target values need labelKind "values"`,
  ]);
  const below = files(t, TWO, { shape: [2], data: BigInt64Array.of(0n, -3n) });
  await checkError(t, 'LABEL_OUT_OF_RANGE', [
    () => npy(below),
    `${below.labels}: value 1 is -3; classes are integers of 32 bits, from 0, target values need labelKind "values"`,
  ]);
  const wide = files(t, TWO, { shape: [2, 1], data: Int32Array.of(1, 0) });
  await checkError(t, 'SHAPE_MISMATCH', [
    () => npy(wide),
    `${wide.labels}: holds an array [2, 1]; classes are [samples], target values need labelKind "values"`,
  ]);
  const few = files(t, TWO, { shape: [3], data: Int32Array.of(1, 0, 1) });
  await checkError(t, 'SHAPE_MISMATCH', [
    () => npy(few),
    `${few.labels}: holds labels of 3 samples, but ${few.inputs} has 2`,
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => npy({ inputs: few.inputs, labelKind: 'class' }),
    'npy: labelKind "class" needs labels, the path of a file',
  ]);
});
