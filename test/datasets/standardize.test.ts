import test from 'ava';
import { GradloomError } from '../../lib/core/errors.ts';
import { type Dataset, fromArrays, iris, standardize } from '../../lib/datasets/index.ts';

function inputsOf(dataset: Dataset): number[][] {
  return Array.from({ length: dataset.length }, (_, place) => [...dataset.at(place).input]);
}

test('features: mean and population deviation by hand', (t) => {
  // Feature 0: 2, 4, 9 has mean 5 and variance (9 + 1 + 16) / 3; feature 1 is constant.
  const data = fromArrays({
    inputs: [
      [2, 7],
      [4, 7],
      [9, 7],
    ],
    inputShape: [2],
  });
  const [fitted] = standardize(data);
  const deviation = Math.sqrt(26 / 3);
  t.deepEqual(fitted.preprocessing, { scale: [1 / deviation, 1], shift: [-5 / deviation, -7] });
  t.deepEqual(inputsOf(fitted), [
    [Math.fround(2 / deviation - 5 / deviation), 0],
    [Math.fround(4 / deviation - 5 / deviation), 0],
    [Math.fround(9 / deviation - 5 / deviation), 0],
  ]);
  t.deepEqual(data.preprocessing, { scale: [1], shift: [0] });
});

test('pictures: one mean and deviation a channel, over all positions', (t) => {
  // Channel 0 holds 0, 2, 4, 6 (mean 3, variance 5), channel 1 holds 10, 10, 30, 30 (mean 20, deviation 10).
  const data = fromArrays({
    inputs: Uint8Array.of(0, 10, 2, 10, 4, 30, 6, 30),
    inputShape: [1, 2, 2],
  });
  const [fitted] = standardize(data);
  const deviation = Math.sqrt(5);
  t.deepEqual(fitted.preprocessing, { scale: [1 / deviation, 1 / 10], shift: [-3 / deviation, -2] });
});

test('the map fitted on the first goes to all, and only its rows count', (t) => {
  const data = fromArrays({ inputs: [[0], [2], [100], [4]], inputShape: [1], labels: [0, 1, 0, 1] });
  const train = data.select([0, 1]);
  const other = data.select([2, 3]);
  const [a, b] = standardize(train, other);
  t.deepEqual(a.preprocessing, { scale: [1], shift: [-1] });
  t.deepEqual(b.preprocessing, a.preprocessing);
  t.deepEqual(inputsOf(b), [[99], [3]]);
  t.is(b.labelAt(1), 1);
});

test('a row named twice counts twice', (t) => {
  const data = fromArrays({ inputs: [[0], [3]], inputShape: [1] }).select([0, 1, 1]);
  const [fitted] = standardize(data);
  // Mean 2, variance (4 + 1 + 1) / 3 = 2.
  t.deepEqual(fitted.preprocessing, { scale: [1 / Math.SQRT2], shift: [-2 / Math.SQRT2] });
});

test('it composes with the preprocessing of each dataset', (t) => {
  const halves = fromArrays({ inputs: Uint8Array.of(0, 8), inputShape: [1], scale: 0.5, shift: 1 });
  const wholes = fromArrays({ inputs: [[3]], inputShape: [1], scale: 2 });
  const [a, b] = standardize(halves, wholes);
  // A model saw 1 and 5: mean 3, deviation 2.
  t.deepEqual(a.preprocessing, { scale: [0.25], shift: [-1] });
  t.deepEqual(inputsOf(a), [[-1], [1]]);
  t.deepEqual(b.preprocessing, { scale: [1], shift: [-1.5] });
  const [again] = standardize(a);
  t.deepEqual(again.preprocessing, { scale: [0.25], shift: [-1] });
});

test('a constant is shifted only, whatever its rounding', (t) => {
  const value = Math.fround(0.1);
  const data = fromArrays({ inputs: new Float32Array(1000).fill(value), inputShape: [1], scale: 1 / 3 });
  const [fitted] = standardize(data);
  t.deepEqual(fitted.preprocessing.scale, [1 / 3]);
  t.deepEqual(fitted.at(0).input, Float32Array.of(0));
});

test('a large mean does not spoil a small deviation', (t) => {
  const data = fromArrays({
    inputs: Float32Array.from({ length: 1000 }, (_, i) => 2 ** 24 - (i % 2) * 2),
    inputShape: [1],
  });
  const [{ preprocessing }] = standardize(data);
  t.deepEqual(preprocessing, { scale: [1], shift: [-(2 ** 24 - 1)] });
});

test('iris: the figures of scikit-learn', async (t) => {
  const [fitted] = standardize(await iris());
  const mean = [5.843333333333334, 3.0573333333333337, 3.7580000000000005, 1.1993333333333336];
  const deviation = [0.8253012917851409, 0.43441096773549437, 1.7594040657753032, 0.7596926279021594];
  for (let feature = 0; feature < 4; feature++) {
    const [m, d] = [mean[feature] as number, deviation[feature] as number];
    const { scale, shift } = fitted.preprocessing;
    // The data are float32, so the figures differ from those of float64 data by its rounding.
    t.true(Math.abs((scale[feature] as number) * d - 1) < 1e-7);
    t.true(Math.abs((shift[feature] as number) + m / d) < 1e-6);
  }
});

test('what cannot be standardized is refused', (t) => {
  const one = fromArrays({ inputs: [[1]], inputShape: [1] });
  const two = fromArrays({ inputs: [[1, 2]], inputShape: [2] }) as unknown as typeof one;
  const expect = (code: string, message: string) => ({
    instanceOf: GradloomError,
    code,
    message: `standardize: ${message}`,
  });
  t.throws(
    () => standardize(one, two),
    expect('SHAPE_MISMATCH', 'argument 1 has inputShape [2], the first [1]'),
  );
  t.throws(
    () => standardize(one, { length: 3 } as unknown as typeof one),
    expect('INVALID_OPTION', 'argument 1 must be a Dataset, got an object'),
  );
  t.throws(
    () => (standardize as unknown as () => void)(),
    expect('INVALID_OPTION', 'argument 0 must be a Dataset, got undefined'),
  );
  const tiny = fromArrays({ inputs: [[0], [1e-44]], inputShape: [1] });
  const error = t.throws(() => standardize(tiny), { code: 'INVALID_DATA' });
  t.regex(
    error.message,
    /^standardize: index 0 of the last axis has mean 4\.9.*e-45 and deviation 4\.9.*e-45, beyond what float32 can map to 0 and 1; rescale or drop it$/,
  );
});
