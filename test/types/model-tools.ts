/** What compiles and what does not of cloning, forking, loading and differentiating models. Nothing of this runs. */
import { expectTypeOf } from 'expect-type';
import {
  type Dataset,
  dense,
  type ForkOptions,
  flatten,
  type Gradients,
  type LoadReport,
  type Model,
  type PyTorchReport,
  relu,
  type Shape,
} from '../../lib/index.ts';

export function copies(model: Model<readonly [28, 28, 1], readonly [10]>, options: ForkOptions) {
  expectTypeOf(model.clone()).toEqualTypeOf<Model<readonly [28, 28, 1], readonly [10]>>();
  expectTypeOf(model.fork()).toEqualTypeOf<Model<readonly [28, 28, 1], readonly [10]>>();
  // Names of layers are not in the types: behind a cut the shape is open, and new layers close it.
  expectTypeOf(model.fork({ last: 'a' })).toEqualTypeOf<Model<readonly [28, 28, 1], Shape>>();
  expectTypeOf(model.fork({ first: 'a' })).toEqualTypeOf<Model<Shape, readonly [10]>>();
  expectTypeOf(model.fork({ last: 'a', freeze: true }, [flatten(), dense({ units: 3 })])).toEqualTypeOf<
    Model<readonly [28, 28, 1], readonly [3]>
  >();
  expectTypeOf(model.fork({}, [relu()])).toEqualTypeOf<Model<readonly [28, 28, 1], readonly [10]>>();
  expectTypeOf(model.fork(options)).toEqualTypeOf<Model<Shape, Shape>>();
  // @ts-expect-error an unknown option
  model.fork({ upTo: 'a' });
  // @ts-expect-error no layer
  model.fork({}, ['relu']);
  expectTypeOf(model.preprocessing?.scale).toEqualTypeOf<readonly number[] | undefined>();
}

export async function loading(model: Model) {
  expectTypeOf(await model.loadWeights(model.getWeights())).toEqualTypeOf<LoadReport>();
  expectTypeOf((await model.loadWeights('a', { match: /^conv/, strict: false })).mismatched[0]).toEqualTypeOf<
    { readonly name: string; readonly shape: Shape; readonly expected: Shape } | undefined
  >();
  await model.loadWeights('a', { rename: { a: 'b' } });
  await model.loadWeights('a', { rename: (name) => (name === 'a' ? undefined : name) });
  // @ts-expect-error a name alone
  await model.loadWeights('a', { match: 'conv' });
  // @ts-expect-error neither a path nor weights
  await model.loadWeights([new Float32Array(3)]);
}

export async function pyTorch(model: Model) {
  expectTypeOf(await model.loadPyTorch('a')).toEqualTypeOf<PyTorchReport>();
  expectTypeOf<PyTorchReport>().toExtend<LoadReport>();
  await model.loadPyTorch('a', { map: { 'features.0': 'conv2d_1' }, match: /^conv/, strict: false });
  // @ts-expect-error rename belongs to loadWeights
  await model.loadPyTorch('a', { rename: { a: 'b' } });
}

export function givenValues() {
  dense({ units: 1, weightInitializer: { kind: 'given', values: [[1, 2]] } });
  dense({ units: 1, biasInitializer: { kind: 'given', values: new Float64Array(1) } });
  // @ts-expect-error no values
  dense({ units: 1, weightInitializer: { kind: 'given' } });
  // @ts-expect-error words
  dense({ units: 1, weightInitializer: { kind: 'given', values: [['1']] } });
}

export async function gradients(
  model: Model<readonly [4], readonly [3]>,
  labelled: Dataset<[4], 'class'>,
  other: Dataset<[5], 'class'>,
) {
  const gradient = await model.gradient(new Float32Array(8), { of: Int32Array.of(0, 2) });
  expectTypeOf(gradient).toEqualTypeOf<Gradients<readonly [4]>>();
  expectTypeOf(gradient.shape).toEqualTypeOf<readonly [count: number, 4]>();
  await model.gradient(labelled, { of: 1 });
  await model.gradient(labelled, { of: 'loss', loss: 'softmaxCrossEntropy' });
  // @ts-expect-error raw samples have no labels
  await model.gradient(new Float32Array(8), { of: 'loss' });
  // @ts-expect-error samples of another shape
  await model.gradient(other, { of: 1 });
  // @ts-expect-error what is to be differentiated is missing
  await model.gradient(labelled, {});
}
