/** What compiles and what does not, of models with several inputs. The compiler is the test: nothing of this runs. */
import { expectTypeOf } from 'expect-type';
import {
  adagrad,
  add,
  concat,
  type Dataset,
  dense,
  dot,
  embedding,
  flatten,
  fromArrays,
  fromInputs,
  fromSparse,
  fromStream,
  ftrl,
  type GraphNode,
  graph,
  input,
  loadModel,
  type Model,
  multiply,
  type NamedShapes,
  relu,
  type SampleStream,
  type Shape,
  Trainer,
} from '../../lib/index.ts';

export function nodes() {
  const [x, y] = [input([4]), input([2, 3])];
  expectTypeOf(x.pipe(dense({ units: 8 }), relu())).toEqualTypeOf<GraphNode<readonly [8]>>();
  expectTypeOf(add([x, x])).toEqualTypeOf<GraphNode<readonly [4]>>();
  expectTypeOf(multiply([y, y])).toEqualTypeOf<GraphNode<readonly [2, 3]>>();
  expectTypeOf(concat([x, y])).toEqualTypeOf<GraphNode<Shape>>();
  expectTypeOf(dot([x, x])).toEqualTypeOf<GraphNode<readonly [1]>>();
  expectTypeOf(dot([y, y])).toEqualTypeOf<GraphNode<readonly [2]>>();
  // @ts-expect-error no layer
  x.pipe('relu');
  // @ts-expect-error nothing to apply
  x.pipe();
  // @ts-expect-error a scalar product is one of two
  dot([x, x, x]);
  // @ts-expect-error a layer is no node
  add([x, dense({ units: 4 })]);
  // @ts-expect-error only inputs are inputs
  graph({ inputs: { x: x.pipe(relu()) }, output: x.pipe(relu()) });
}

const [user, tags] = [input([1]), input([30])];
const model = graph({
  inputs: { user, tags },
  output: concat([user.pipe(embedding({ rows: 9, units: 4 }), flatten()), tags]).pipe(dense({ units: 3 })),
});

export async function models() {
  expectTypeOf(model).toEqualTypeOf<
    Model<{ readonly user: readonly [1]; readonly tags: readonly [30] }, readonly [3]>
  >();
  const prediction = await model.predict({ user: Int32Array.of(3), tags: [[1, 4]] });
  expectTypeOf(prediction.shape).toEqualTypeOf<readonly [count: number, 3]>();
  // @ts-expect-error an input is missing
  await model.predict({ user: Int32Array.of(3) });
  // @ts-expect-error there is no such input
  await model.predict({ user: Int32Array.of(3), tags: [[1]], item: [[1]] });
  // @ts-expect-error which input?
  await model.predict(Int32Array.of(3));
  const loaded = await loadModel<{ user: [1]; tags: [30] }>('model.safetensors');
  // @ts-expect-error an input is missing
  await loaded.predict({ tags: [[1]] });
  const { inputs } = await model.gradient({ user: Int32Array.of(3), tags: [[1, 4]] }, { of: 2 });
  expectTypeOf(inputs.tags?.data).toEqualTypeOf<Float32Array | undefined>();
  // @ts-expect-error there is no such input
  expectTypeOf(inputs.item);
  expectTypeOf(model.fork()).toEqualTypeOf(model);
  expectTypeOf(model.fork({ freeze: ['embedding_1'] }, [dense({ units: 7 })])).toEqualTypeOf<
    Model<{ readonly user: readonly [1]; readonly tags: readonly [30] }, readonly [7]>
  >();
  // Which inputs are left of a part, and what it gives, the types do not know.
  const part = model.fork({ last: 'flatten_1' });
  expectTypeOf(part).toEqualTypeOf<Model<NamedShapes, Shape>>();
  await part.predict({ user: Int32Array.of(3) });
  // @ts-expect-error a model of several inputs is no model of one
  expectTypeOf(model).toExtend<Model>();
}

export async function data() {
  const ids = fromArrays({ inputs: Int32Array.of(3, 1), inputShape: [1] });
  const sparse = fromSparse({ inputShape: [30], samples: [[1], []] });
  const labelled = fromArrays({ inputs: [[1], [2]], inputShape: [1], labels: [0, 1] });
  const set = fromInputs({ inputs: { user: ids, tags: sparse }, labels: [0, 2] });
  expectTypeOf(set).toEqualTypeOf<Dataset<{ user: [1]; tags: [30] }, 'class'>>();
  expectTypeOf(fromInputs({ inputs: { ids } }).labelKind).toEqualTypeOf<'none'>();
  expectTypeOf(fromInputs({ inputs: { ids, labelled } }).labelKind).toEqualTypeOf<'class'>();
  expectTypeOf(fromInputs({ inputs: { ids }, labels: [[0.5], [1]] }).labelKind).toEqualTypeOf<'values'>();
  expectTypeOf(set.at(0).input.tags).toEqualTypeOf<Float32Array>();
  expectTypeOf(set.input('tags').inputShape).toExtend<readonly [30]>();
  // @ts-expect-error there is no such input
  set.input('item');
  // @ts-expect-error it has one input, without a name
  ids.input('ids');

  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  const [train, validation] = set.split({ fraction: 0.5 });
  await trainer.fit(train, { validation });
  // @ts-expect-error a set of one input
  await trainer.fit(labelled);
  // @ts-expect-error an input has another shape
  await trainer.fit(fromInputs({ inputs: { user: ids, tags: ids }, labels: [0, 1] }));
  // @ts-expect-error an input has another name
  await trainer.fit(fromInputs({ inputs: { users: ids, tags: sparse }, labels: [0, 1] }));
  // @ts-expect-error the loss takes classes
  await trainer.fit(fromInputs({ inputs: { user: ids, tags: sparse }, labels: [[0.5], [1]] }));
  // @ts-expect-error a validation set of one input
  await trainer.fit(train, { validation: labelled });
}

export async function streams() {
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  const items = [{ input: { user: Int32Array.of(3), tags: { indices: [1, 4] } }, label: 2 }];
  const stream = fromStream(items, { inputShape: { user: [1], tags: [30] } });
  expectTypeOf(stream).toEqualTypeOf<SampleStream<{ user: [1]; tags: [30] }, 'class'>>();
  await trainer.fit(stream);
  await trainer.fit(fromStream(items, { inputShape: model.inputShape }));
  // @ts-expect-error the loss takes classes
  await trainer.fit(fromStream(items, { inputShape: model.inputShape, labelKind: 'targets' }));
  // @ts-expect-error an input is missing
  await trainer.fit(fromStream([{ input: { user: [1] }, label: 0 }], { inputShape: { user: [1] } }));
  // @ts-expect-error items lack an input
  fromStream([{ input: { user: [1] }, label: 0 }], { inputShape: { user: [1], tags: [30] } });
  new Trainer(model, { optimizer: adagrad(), optimizers: { dense_1: ftrl() }, loss: 'softmaxCrossEntropy' });
  // @ts-expect-error an optimizer, not its name
  new Trainer(model, { optimizer: adagrad(), optimizers: { dense_1: 'ftrl' }, loss: 'softmaxCrossEntropy' });
}
