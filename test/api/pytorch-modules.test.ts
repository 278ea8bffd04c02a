import test from 'ava';
import { findFeatureOrders, fromTorchOrder, toTorchOrder } from '../../lib/models/feature-order.ts';
import type { NamedLayer } from '../../lib/models/network.ts';
import { matchModules, toLayerLeaf, toTorchLeaf } from '../../lib/models/pytorch-modules.ts';

const NORM = ['scale', 'shift', 'runningMean', 'runningVariance'];
const TORCH_NORM = ['weight', 'bias', 'running_mean', 'running_var'];
const tensors = (owner: string, leaves: readonly string[], shape: readonly number[]) =>
  leaves.map((leaf) => ({ name: `${owner}.${leaf}`, shape }));

test('batch norm has other names there, and both ways lead to each other', (t) => {
  t.deepEqual(
    TORCH_NORM.map((leaf) => toLayerLeaf(leaf, new Set(NORM))),
    NORM,
  );
  t.deepEqual(NORM.map(toTorchLeaf), TORCH_NORM);
  const dense = new Set(['weight', 'bias']);
  t.deepEqual(
    TORCH_NORM.map((leaf) => toLayerLeaf(leaf, dense)),
    ['weight', 'bias', 'running_mean', 'running_var'],
  );
  t.deepEqual(['weight', 'bias'].map(toTorchLeaf), ['weight', 'bias']);
});

test('a batch norm and a layer norm of one size are told apart by their statistics', (t) => {
  const state = [
    ...tensors('x.norm', ['weight', 'bias'], [4]),
    ...tensors('y', TORCH_NORM, [4]),
    { name: 'y.num_batches_tracked', shape: [] },
  ];
  const layers = [...tensors('batchNorm_1', NORM, [4]), ...tensors('layerNorm_1', ['scale', 'shift'], [4])];
  t.deepEqual(matchModules('test', state, layers, {}), {
    modules: [
      { module: 'y', layer: 'batchNorm_1', matchedBy: 'shape' },
      { module: 'x.norm', layer: 'layerNorm_1', matchedBy: 'shape' },
    ],
    ambiguous: [],
  });
});

/** Layers by `[name, kind, shape it gives]`, of an input `[2, 2, 3]`. */
function ordersOf(
  layers: readonly (readonly [name: string, kind: string, outputShape: readonly number[]])[],
  parameters: readonly string[],
) {
  const described = layers.map(([name, kind]): NamedLayer => ({ name, kind }));
  const parts = layers.map(([name, , outputShape]) => ({ name, outputShape }));
  return findFeatureOrders('test', { inputShape: [2, 2, 3], layers: described }, parts, parameters);
}

const ORDER = Uint32Array.of(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);

test('the order reaches all parameters of norms behind flatten, and ends with the weight of dense', (t) => {
  const orders = ordersOf(
    [
      ['flat', 'flatten', [12]],
      ['norm', 'batchNorm', [12]],
      ['dense', 'dense', [12]],
      ['after', 'batchNorm', [12]],
    ],
    ['norm.scale', 'norm.runningMean', 'dense.weight', 'dense.bias', 'after.scale'],
  );
  t.deepEqual(
    [...orders],
    [
      ['norm.scale', ORDER],
      ['norm.runningMean', ORDER],
      ['dense.weight', ORDER],
    ],
  );
});

test('a map that is restored has its own order again; another one cannot be followed', (t) => {
  const restored = [
    ['flat', 'flatten', [12]],
    ['map', 'reshape', [2, 2, 3]],
    ['conv', 'conv2d', [2, 2, 3]],
    ['pool', 'globalAveragePool2d', [3]],
    ['dense', 'dense', [4]],
  ] as const;
  t.is(ordersOf(restored, ['conv.weight', 'dense.weight']).size, 0);
  const other = [
    ['flat', 'flatten', [12]],
    ['map', 'reshape', [1, 4, 3]],
    ['conv', 'conv2d', [1, 4, 3]],
  ] as const;
  t.throws(() => ordersOf(other, ['conv.weight']), {
    code: 'INVALID_OPTION',
    message:
      /between layer "conv" and the flattened map \[2, 2, 3\] the order of features cannot be followed/,
  });
  t.is(ordersOf(other, []).size, 0);
});

test('the orders undo each other, row by row', (t) => {
  const data = Float32Array.from({ length: 24 }, (_, index) => index);
  t.deepEqual([...fromTorchOrder(data, ORDER)].slice(12, 15), [12, 16, 20]);
  t.deepEqual(toTorchOrder(fromTorchOrder(data, ORDER), ORDER), data);
});
