import test from 'ava';
import { findTorchLayouts, fromTorchOrder, type TorchLayout } from '../../lib/models/files/feature-order.ts';
import { matchModules } from '../../lib/models/files/pytorch-modules.ts';

const NORM = ['weight', 'bias', 'runningMean', 'runningVariance'];
const TORCH_NORM = ['weight', 'bias', 'running_mean', 'running_var'];
const tensors = (owner: string, leaves: readonly string[], shape: readonly number[]) =>
  leaves.map((leaf) => ({ name: `${owner}.${leaf}`, shape }));

test('a batch norm and a layer norm of one size are told apart by their statistics', (t) => {
  const state = [
    ...tensors('x.norm', ['weight', 'bias'], [4]),
    ...tensors('y', TORCH_NORM, [4]),
    { name: 'y.num_batches_tracked', shape: [] },
  ];
  const layers = [...tensors('batchNorm_1', NORM, [4]), ...tensors('layerNorm_1', ['weight', 'bias'], [4])];
  t.deepEqual(matchModules('test', state, layers, {}), {
    modules: [
      { module: 'y', layer: 'batchNorm_1', matchedBy: 'shape' },
      { module: 'x.norm', layer: 'layerNorm_1', matchedBy: 'shape' },
    ],
    ambiguous: [],
  });
});

test('a block of the map finds its layers among its own; other modules do not', (t) => {
  const weights = (owner: string) => tensors(owner, ['weight'], [4, 4]);
  const state = ['a.0.x1', 'a.0.x2', 'a.1.x1', 'a.1.x2', 'x1'].flatMap(weights);
  const layers = ['one', 'r_1.d_1', 'r_1.d_2', 'r_2.x1', 'r_2.x2'].flatMap(weights);
  const { modules, ambiguous } = matchModules('test', state, layers, { 'a.0': 'r_1', 'a.1': 'r_2' });
  t.deepEqual(ambiguous, []);
  t.deepEqual(
    modules.map(({ module, layer, matchedBy }) => `${module} ${layer} ${matchedBy}`),
    [
      'a.0.x1 r_1.d_1 order',
      'a.0.x2 r_1.d_2 order',
      'a.1.x1 r_2.x1 name',
      'a.1.x2 r_2.x2 name',
      'x1 one shape',
    ],
  );
  // The innermost of two blocks counts.
  const inner = matchModules('test', ['a.b.x', 'a.y'].flatMap(weights), ['r.s.p', 'r.q'].flatMap(weights), {
    a: 'r',
    'a.b': 'r.s',
  });
  t.deepEqual(
    inner.modules.map(({ module, layer }) => [module, layer]),
    [
      ['a.y', 'r.q'],
      ['a.b.x', 'r.s.p'],
    ],
  );
  for (const [map, message] of [
    [
      { 'a.0': 'one' },
      /map gives "a\.0", modules with weights, to "one", a layer; give layers to modules and/,
    ],
    [{ x1: 'r_1' }, /map gives "x1", a module with weights, to "r_1", a block; give layers to modules and/],
  ] as const) {
    t.throws(() => matchModules('test', state, layers, map), { code: 'INVALID_OPTION', message });
  }
});

test('modules are ordered by the numbers in their names, the outer ones first', (t) => {
  const weights = (owner: string) => tensors(owner, ['weight'], [4]);
  const { modules } = matchModules(
    'test',
    ['net.10.0', 'net.2.1', 'net.2.0'].flatMap(weights),
    ['p', 'q', 'r'].flatMap(weights),
    {},
  );
  t.deepEqual(
    modules.map(({ module, layer, matchedBy }) => [module, layer, matchedBy]),
    [
      ['net.2.0', 'p', 'order'],
      ['net.2.1', 'q', 'order'],
      ['net.10.0', 'r', 'order'],
    ],
  );
});

interface GraphLayer {
  readonly name: string;
  readonly kind: string;
  /** That it gives. */
  readonly shape: readonly number[];
  readonly inputs?: readonly string[];
}

/** Of layers over an input, with parameters by name. */
function layoutsOf(
  layers: readonly GraphLayer[],
  parameters: Readonly<Record<string, readonly number[]>>,
  inputShape: readonly number[] = [2, 2, 3],
): ReadonlyMap<string, TorchLayout> {
  const specs = layers.map(({ name, kind, inputs }) =>
    inputs === undefined ? { name, kind } : { name, kind, inputs },
  );
  const parts = layers.map(({ name, shape }) => ({ name, outputShape: shape }));
  const shapes = Object.entries(parameters).map(([name, shape]) => ({ name, shape }));
  return findTorchLayouts(
    'test',
    { inputs: new Map([['@input', inputShape]]), layers: specs },
    parts,
    shapes,
  );
}

const ORDER = Uint32Array.of(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
const FLAT = { name: 'flat', kind: 'flatten', shape: [12] };

test('the order reaches all parameters of norms behind flatten, and ends with the weight of dense', (t) => {
  const layouts = layoutsOf(
    [
      FLAT,
      { name: 'norm', kind: 'batchNorm', shape: [12] },
      { name: 'dense', kind: 'dense', shape: [12] },
      { name: 'after', kind: 'batchNorm', shape: [12] },
    ],
    {
      'norm.weight': [12],
      'norm.runningMean': [12],
      'dense.weight': [12, 12],
      'dense.bias': [12],
      'after.weight': [12],
    },
  );
  t.deepEqual(
    [...layouts],
    [
      ['norm.weight', { shape: [12], order: ORDER }],
      ['norm.runningMean', { shape: [12], order: ORDER }],
      ['dense.weight', { shape: [12, 12], order: ORDER }],
    ],
  );
});

test('layer norms over whole maps are [C, H, W] there; those over channels, and convolutions, are as here', (t) => {
  const layouts = layoutsOf(
    [
      { name: 'whole', kind: 'layerNorm', shape: [2, 2, 3] },
      { name: 'last', kind: 'layerNorm', shape: [2, 2, 3] },
      { name: 'conv', kind: 'conv2d', shape: [2, 2, 3] },
    ],
    { 'whole.weight': [2, 2, 3], 'whole.bias': [2, 2, 3], 'last.weight': [3], 'conv.weight': [3, 3, 2, 2] },
  );
  t.deepEqual(
    [...layouts],
    [
      ['whole.weight', { shape: [3, 2, 2], order: ORDER }],
      ['whole.bias', { shape: [3, 2, 2], order: ORDER }],
    ],
  );
});

test('the order follows the paths of residual blocks', (t) => {
  const block = (inner: string) => [
    FLAT,
    { name: 'r.inner', kind: inner, shape: [12], inputs: ['flat'] },
    { name: 'r', kind: 'add', shape: [12], inputs: ['r.inner', 'flat'] },
    { name: 'head', kind: 'dense', shape: [5], inputs: ['r'] },
  ];
  const layouts = layoutsOf(block('batchNorm'), { 'r.inner.weight': [12], 'head.weight': [5, 12] });
  t.deepEqual([...layouts.keys()], ['r.inner.weight', 'head.weight']);
  // The units of a dense layer have no map's order, what is added to them has.
  t.throws(() => layoutsOf(block('dense'), { 'r.inner.weight': [12, 12], 'head.weight': [5, 12] }), {
    code: 'INVALID_OPTION',
    message: /between layer "r" and the map \[2, 2, 3\] the order of features cannot be followed/,
  });
});

test('a map that is restored has its own order again; another one cannot be followed', (t) => {
  const restored = [
    FLAT,
    { name: 'map', kind: 'reshape', shape: [2, 2, 3] },
    { name: 'conv', kind: 'conv2d', shape: [2, 2, 3] },
    { name: 'pool', kind: 'globalAveragePool2d', shape: [3] },
    { name: 'dense', kind: 'dense', shape: [4] },
  ];
  t.is(layoutsOf(restored, { 'conv.weight': [3, 3, 1, 1], 'dense.weight': [4, 3] }).size, 0);
  const other = [
    FLAT,
    { name: 'map', kind: 'reshape', shape: [1, 4, 3] },
    { name: 'conv', kind: 'conv2d', shape: [1, 4, 3] },
  ];
  t.throws(() => layoutsOf(other, { 'conv.weight': [3, 3, 1, 1] }), {
    code: 'INVALID_OPTION',
    message: /between layer "conv" and the map \[2, 2, 3\] the order of features cannot be followed/,
  });
  t.is(layoutsOf(other, {}).size, 0);
});

test('positions that are put in one row keep channels last; a reshape that mixes channels cannot be followed', (t) => {
  const behind = (shape: readonly number[]) => [
    { name: 'rows', kind: 'reshape', shape },
    { name: 'norm', kind: 'batchNorm', shape },
    { name: 'flat', kind: 'flatten', shape: [12] },
    { name: 'dense', kind: 'dense', shape: [5] },
  ];
  const layouts = layoutsOf(behind([4, 3]), { 'norm.weight': [3], 'dense.weight': [5, 12] });
  t.deepEqual([...layouts], [['dense.weight', { shape: [5, 12], order: ORDER }]]);
  t.throws(() => layoutsOf(behind([6, 2]), { 'norm.weight': [2] }), {
    message: /"norm" and the map/,
  });
});

test('sequences of vectors are held alike: flattened, normalised as a whole', (t) => {
  const sequence = (kind: string) => [
    { name: 'first', kind, shape: [4, 3] },
    { name: 'norm', kind: 'layerNorm', shape: [4, 3] },
    FLAT,
    { name: 'dense', kind: 'dense', shape: [5] },
  ];
  const parameters = { 'norm.weight': [4, 3], 'dense.weight': [5, 12] };
  t.is(layoutsOf(sequence('embedding'), { 'first.weight': [9, 3], ...parameters }, [4]).size, 0);
  t.is(layoutsOf(sequence('relu'), parameters, [4, 3]).size, 0);
});

test('units that become an image cannot be followed; an input that does is in the order of the caller', (t) => {
  const image = [
    { name: 'map', kind: 'reshape', shape: [2, 2, 3] },
    { name: 'conv', kind: 'conv2d', shape: [2, 2, 3] },
    FLAT,
    { name: 'dense', kind: 'dense', shape: [5] },
  ];
  const parameters = { 'conv.weight': [3, 3, 1, 1], 'dense.weight': [5, 12] };
  t.deepEqual([...layoutsOf(image, parameters, [12]).keys()], ['dense.weight']);
  const units = { name: 'units', kind: 'dense', shape: [12] };
  t.throws(() => layoutsOf([units, ...image], { 'units.weight': [12, 4], ...parameters }, [4]), {
    message: /between layer "conv" and the map \[2, 2, 3\] the order of features cannot be followed/,
  });
});

test('values from the order of PyTorch, block by block', (t) => {
  const data = Float32Array.from({ length: 24 }, (_, index) => index);
  t.deepEqual([...fromTorchOrder(data, ORDER)].slice(0, 3), [0, 4, 8]);
  t.deepEqual([...fromTorchOrder(data, ORDER)].slice(12, 15), [12, 16, 20]);
});
