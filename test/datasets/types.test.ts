/** What the types know of datasets. The compiler is the test; running it shows only that the calls work. */
import test from 'ava';
import { expectTypeOf } from 'expect-type';
import {
  type Dataset,
  digits,
  fashionMnist,
  fromArrays,
  idx,
  iris,
  type LabelKind,
  standardize,
} from '../../lib/datasets/index.ts';

test('shapes are literal tuples and labels have their kind', async (t) => {
  expectTypeOf(await digits()).toEqualTypeOf<Dataset<[8, 8, 1], 'class'>>();
  expectTypeOf(await iris()).toEqualTypeOf<Dataset<[4], 'class'>>();
  expectTypeOf(fashionMnist).returns.resolves.toEqualTypeOf<{
    readonly train: Dataset<[28, 28, 1], 'class'>;
    readonly test: Dataset<[28, 28, 1], 'class'>;
  }>();

  const inputs = Float32Array.of(1, 2);
  const unlabelled = fromArrays({ inputs, inputShape: [1] });
  expectTypeOf(unlabelled).toEqualTypeOf<Dataset<[1], 'none'>>();
  const bytes = fromArrays({ inputs, inputShape: [1], labels: Uint8Array.of(0, 1) });
  expectTypeOf(bytes).toEqualTypeOf<Dataset<[1], 'class'>>();
  expectTypeOf(fromArrays({ inputs, inputShape: [1], labels: [0, 1] })).toEqualTypeOf<
    Dataset<[1], 'class'>
  >();
  const floats = fromArrays({ inputs, inputShape: [1], labels: Float32Array.of(0, 1) });
  expectTypeOf(floats).toEqualTypeOf<Dataset<[1], 'values'>>();
  expectTypeOf(fromArrays({ inputs, inputShape: [1], labels: [[0], [1]] })).toEqualTypeOf<
    Dataset<[1], 'values'>
  >();
  expectTypeOf(
    fromArrays({ inputs, inputShape: [1], labels: Uint8Array.of(0, 1), labelKind: 'values' }),
  ).toEqualTypeOf<Dataset<[1], 'values'>>();

  expectTypeOf(bytes.at(0).label).toEqualTypeOf<number>();
  expectTypeOf(floats.at(0).label).toEqualTypeOf<Float32Array>();
  expectTypeOf(unlabelled.at(0).label).toEqualTypeOf<undefined>();
  expectTypeOf(idx<string>).returns.resolves.toEqualTypeOf<Dataset<readonly number[], 'class'>>();
  expectTypeOf(idx<undefined>).returns.resolves.toEqualTypeOf<Dataset<readonly number[], 'none'>>();
  t.pass();
});

test('views and standardized sets keep their type', async (t) => {
  const [train, rest] = (await digits()).split({ fraction: 0.8, stratify: 'labels' });
  expectTypeOf(train).toEqualTypeOf<Dataset<[8, 8, 1], 'class'>>();
  expectTypeOf(rest.take(1)).toEqualTypeOf<Dataset<[8, 8, 1], 'class'>>();
  const standardized = standardize(train, rest);
  expectTypeOf(standardized).toEqualTypeOf<[Dataset<[8, 8, 1], 'class'>, Dataset<[8, 8, 1], 'class'>]>();
  t.is(standardized.length, 2);
});

test('a dataset stands for a less exact one, not for another', (t) => {
  expectTypeOf<Dataset<[8, 8, 1], 'class'>>().toExtend<Dataset>();
  expectTypeOf<Dataset<[8, 8, 1], 'class'>>().toExtend<Dataset<[8, 8, 1], LabelKind>>();
  expectTypeOf<Dataset<[8, 8, 1], 'class'>>().toExtend<Dataset<readonly [8, 8, 1], 'class'>>();
  expectTypeOf<Dataset<[8, 8, 1], 'class'>>().not.toExtend<Dataset<[28, 28, 1], 'class'>>();
  expectTypeOf<Dataset<[8, 8, 1], 'class'>>().not.toExtend<Dataset<[8, 8, 1], 'values'>>();
  expectTypeOf<Dataset>().not.toExtend<Dataset<[8, 8, 1], 'class'>>();
  t.pass();
});

test('stratify is for classes', (t) => {
  const floats = fromArrays({ inputs: [[1], [2]], inputShape: [1], labels: [[0.5], [1.5]] });
  t.throws(() =>
    // @ts-expect-error: the labels are values
    floats.split({ fraction: 0.5, stratify: 'labels' }),
  );
  t.throws(() =>
    // @ts-expect-error: float64 is not taken
    fromArrays({ inputs: new Float64Array(1), inputShape: [1] }),
  );
});
