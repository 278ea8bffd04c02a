import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { decodeSafetensors, encodeSafetensors } from '../../lib/formats/safetensors.ts';
import type { Tensor } from '../../lib/formats/tensor.ts';
import {
  batchNorm,
  conv2d,
  dense,
  digits,
  dropout,
  flatten,
  type Layer,
  layerNorm,
  maxPool2d,
  relu,
  residual,
  sequential,
  sgd,
  Trainer,
} from '../../lib/index.ts';
import { deviationOf, TOLERANCES } from '../golden/tolerances.ts';
import { testErrors, wrongly } from './errors.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const STATE = fixture('pytorch-digits.safetensors');

/** Inputs, and what PyTorch gives for them. */
function recordedOutputs(name: string) {
  const { tensors } = decodeSafetensors(readFileSync(fixture(name)), name, { checksum: 'optional' });
  const of = (tensor: string) => tensors.get(tensor)?.data as Float32Array;
  return { inputs: of('inputs'), outputs: of('outputs') };
}

/** The net of make-pytorch-digits.py. */
const digitsNet = (names: { conv1?: string; conv2?: string; fc1?: string; fc2?: string }) => {
  const named = (name: string | undefined) => (name === undefined ? {} : { name });
  return sequential({ inputShape: [8, 8, 1], seed: 9 }, [
    conv2d({ filters: 6, kernelSize: 3, padding: 'same', activation: 'tanh', ...named(names.conv1) }),
    conv2d({ filters: 8, kernelSize: [3, 2], groups: 2, activation: 'relu', ...named(names.conv2) }),
    maxPool2d({ strides: 1 }),
    flatten(),
    dropout({ rate: 0.5 }),
    dense({ units: 12, activation: 'relu', ...named(names.fc1) }),
    dense({ units: 10, ...named(names.fc2) }),
  ]);
};

const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));

/** A file of float32 tensors of these shapes, with values that tell every place of every tensor from others. */
function writeState(name: string, shapes: Readonly<Record<string, readonly number[]>>) {
  const path = join(folder, `${name}.safetensors`);
  const tensors = Object.entries(shapes).map(([tensor, shape], index): [string, Tensor] => {
    const length = shape.reduce((size, extent) => size * extent, 1);
    return [tensor, { dtype: 'F32', shape, data: Float32Array.from({ length }, (_, i) => index * 1000 + i) }];
  });
  writeFileSync(path, encodeSafetensors(tensors));
  return path;
}

test('a convolutional net that PyTorch trained predicts the same here', async (t) => {
  const { inputs, outputs } = recordedOutputs('pytorch-digits-outputs.safetensors');
  t.is(outputs.length, 240);

  const model = digitsNet({ conv1: 'conv1', conv2: 'conv2', fc1: 'fc1', fc2: 'fc2' });
  const before = model.getWeights();
  const report = await model.loadPyTorch(STATE);
  t.deepEqual(report, {
    loaded: Object.keys(before),
    missing: [],
    unexpected: [],
    mismatched: [],
    modules: ['conv1', 'conv2', 'fc1', 'fc2'].map((name) => ({
      module: name,
      layer: name,
      matchedBy: 'name',
    })),
    reordered: ['fc1.weight'],
    ignored: [],
  });
  // In one batch, and in batches of one, which other kernels compute.
  for (const batchSize of [24, 5, 1]) {
    const { data } = await model.predict(inputs, { batchSize });
    const deviation = deviationOf({
      tensor: 'outputs',
      got: data,
      ref: outputs,
      tolerance: TOLERANCES.product,
    });
    t.true(deviation.share <= 1, `batches of ${batchSize}: ${deviation.share} times the tolerance`);
  }
});

/** The net of make-pytorch-residual.py. */
const residualNet = () => {
  const conv = (filters: number, options: { kernelSize?: number; strides?: number } = {}) =>
    conv2d({
      filters,
      kernelSize: 3,
      padding: options.kernelSize === 1 ? 'valid' : 1,
      bias: false,
      ...options,
    });
  const block = (filters: number) => [conv(filters), batchNorm(), relu(), conv(filters), batchNorm()];
  return sequential({ inputShape: [8, 8, 1], seed: 9 }, [
    conv(4),
    batchNorm(),
    relu(),
    residual(block(4)),
    relu(),
    residual(block(4)),
    relu(),
    residual([conv(6, { strides: 2 }), batchNorm(), relu(), conv(6), batchNorm()], {
      shortcut: [conv(6, { kernelSize: 1, strides: 2 }), batchNorm()],
    }),
    relu(),
    layerNorm({ axes: 3 }),
    flatten(),
    dense({ units: 10 }),
  ]);
};

const RESIDUAL_MAP = {
  'layer1.0': 'residual_1',
  'layer1.1': 'residual_2',
  'layer2.0': 'residual_3',
  'layer2.0.downsample.1': 'residual_3.batchNorm_3',
};

test('a residual net with batch norms and a layer norm of a whole map predicts as in PyTorch', async (t) => {
  const { inputs, outputs } = recordedOutputs('pytorch-residual-outputs.safetensors');
  const model = residualNet();
  const before = model.getWeights();
  const path = fixture('pytorch-residual.safetensors');
  const report = await model.loadPyTorch(path, { map: RESIDUAL_MAP });
  t.deepEqual([...report.loaded], Object.keys(before));
  t.deepEqual([...report.reordered], ['layerNorm_1.weight', 'layerNorm_1.bias', 'dense_1.weight']);
  t.is(report.ignored.length, 8);
  for (const batchSize of [24, 1]) {
    const { data } = await model.predict(inputs, { batchSize });
    const deviation = deviationOf({
      tensor: 'outputs',
      got: data,
      ref: outputs,
      tolerance: TOLERANCES.normalization,
    });
    t.true(deviation.share <= 1, `batches of ${batchSize}: ${deviation.share} times the tolerance`);
  }
  // Without the map, blocks of equal shapes are not guessed.
  await t.throwsAsync(residualNet().loadPyTorch(path), { code: 'INVALID_DATA', message: /ambiguous: / });
});

test('the residual net trains on as in PyTorch: weights and running statistics', async (t) => {
  const [model, later] = [residualNet(), residualNet()];
  await model.loadPyTorch(fixture('pytorch-residual.safetensors'), { map: RESIDUAL_MAP });
  await later.loadPyTorch(fixture('pytorch-residual-later.safetensors'), { map: RESIDUAL_MAP });
  const trainer = new Trainer(model, {
    optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }),
    loss: 'softmaxCrossEntropy',
  });
  const first = (await digits()).take(240);
  await trainer.fit(first, { epochs: 1, batchSize: 30, shuffle: 'never' });
  const got = model.getWeights();
  for (const [tensor, { data }] of Object.entries(later.getWeights())) {
    const { share } = deviationOf({
      tensor,
      got: got[tensor]?.data ?? [],
      ref: data,
      tolerance: TOLERANCES.trajectoryWeights,
    });
    t.true(share <= 1, `${tensor}: ${share} times the tolerance`);
  }
});

test('modules of other names find their layers by shapes, and the report says so', async (t) => {
  const model = digitsNet({});
  const { modules, reordered } = await model.loadPyTorch(STATE, { map: { conv1: 'conv2d_1' } });
  t.deepEqual(modules, [
    { module: 'conv1', layer: 'conv2d_1', matchedBy: 'map' },
    { module: 'conv2', layer: 'conv2d_2', matchedBy: 'shape' },
    { module: 'fc1', layer: 'dense_1', matchedBy: 'shape' },
    { module: 'fc2', layer: 'dense_2', matchedBy: 'shape' },
  ]);
  t.deepEqual(reordered, ['dense_1.weight']);
  const named = digitsNet({ conv1: 'conv1', conv2: 'conv2', fc1: 'fc1', fc2: 'fc2' });
  await named.loadPyTorch(STATE);
  t.deepEqual(Object.values(model.getWeights()), Object.values(named.getWeights()));
});

/** Dense layers of 2 inputs and outputs. */
const squares = (...names: string[]) =>
  sequential({ inputShape: [2] }, [...names.map((name): Layer => dense({ units: 2, name }))]);
const SQUARE = { weight: [2, 2], bias: [2] };

test('equal shapes: by number where names differ in nothing else', async (t) => {
  const shapes = [10, 2, 4].flatMap((number) => [
    [`net.${number}.weight`, SQUARE.weight],
    [`net.${number}.bias`, SQUARE.bias],
  ]);
  const model = squares('a', 'b', 'c');
  const { modules } = await model.loadPyTorch(writeState('order', Object.fromEntries(shapes)));
  t.deepEqual(modules, [
    { module: 'net.2', layer: 'a', matchedBy: 'order' },
    { module: 'net.4', layer: 'b', matchedBy: 'order' },
    { module: 'net.10', layer: 'c', matchedBy: 'order' },
  ]);
  // Written as tensors 0 to 5, of net.10, net.2 and net.4.
  const { 'a.weight': a, 'b.bias': b, 'c.weight': c } = model.getWeights();
  t.deepEqual([a?.data[0], b?.data[0], c?.data[0]], [2000, 5000, 0]);
});

test('equal shapes without an order are refused, all are named and nothing changes', async (t) => {
  const shapes = { 'up.weight': [2, 2], 'up.bias': [2], 'down.weight': [2, 2], 'down.bias': [2] };
  const path = writeState('ambiguous', shapes);
  const model = squares('a', 'b');
  const before = model.getWeights();
  const error = await t.throwsAsync(model.loadPyTorch(path), { code: 'INVALID_DATA' });
  t.is(
    error?.message,
    [
      'loadPyTorch: the weights do not fit the model, nothing was changed; name layers with map, choose with match, or load what fits with strict: false',
      '  missing: a.weight, a.bias, b.weight and b.bias',
      '  unexpected: up.weight, up.bias, down.weight and down.bias',
      '  ambiguous: up, down and a, b all have bias [2], weight [2, 2]; say with map which is which',
    ].join('\n'),
  );
  t.deepEqual(model.getWeights(), before);
  // One that is said leaves one of a kind.
  const { modules } = await model.loadPyTorch(path, { map: { down: 'a' } });
  t.deepEqual(
    modules.map(({ module, layer, matchedBy }) => [module, layer, matchedBy]),
    [
      ['down', 'a', 'map'],
      ['up', 'b', 'shape'],
    ],
  );
  // A part that is missing or stands elsewhere, and more modules than layers, order nothing either.
  for (const names of [
    ['net', 'net.1'],
    ['1.net', 'net.1'],
    ['net.1', 'net.2', 'net.3'],
  ]) {
    const state = names.flatMap((name) => [
      [`${name}.weight`, [2, 2]],
      [`${name}.bias`, [2]],
    ]);
    await t.throwsAsync(model.loadPyTorch(writeState('twins', Object.fromEntries(state))), {
      message: /ambiguous: /,
    });
  }
});

test('columns behind flatten: [C, H, W] there, [H, W, C] here, also behind layers that keep the order', async (t) => {
  const model = sequential({ inputShape: [2, 3, 2] }, [
    flatten(),
    relu(),
    dense({ units: 2, name: 'a' }),
    dense({ units: 12, name: 'b' }),
  ]);
  const shapes = { 'a.weight': [2, 12], 'a.bias': [2], 'b.weight': [12, 2], 'b.bias': [12] };
  const { reordered } = await model.loadPyTorch(writeState('flatten', shapes));
  t.deepEqual(reordered, ['a.weight']);
  const { 'a.weight': a, 'b.weight': b } = model.getWeights();
  t.deepEqual([...(a?.data ?? [])].slice(0, 12), [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
  t.deepEqual([...(a?.data ?? [])].slice(12, 14), [12, 18]);
  t.deepEqual([...(b?.data ?? [])].slice(0, 3), [2000, 2001, 2002]);
});

test('one channel, or one pixel, has one order', async (t) => {
  for (const inputShape of [
    [2, 3, 1],
    [1, 1, 6],
  ] as const) {
    const model = sequential({ inputShape }, [flatten(), dense({ units: 2, name: 'a' })]);
    const report = await model.loadPyTorch(writeState('plain', { 'a.weight': [2, 6], 'a.bias': [2] }));
    t.deepEqual(report.reordered, []);
  }
});

test('the count of batches is ignored and said; other tensors are unexpected', async (t) => {
  const state = { 'a.weight': [2, 2], 'a.bias': [2], 'a.num_batches_tracked': [], scale: [1] };
  const path = writeState('ignored', state);
  const model = squares('a');
  const report = await model.loadPyTorch(path, { strict: false });
  t.deepEqual(report.ignored, ['a.num_batches_tracked']);
  t.deepEqual(report.unexpected, ['scale']);
  t.deepEqual(report.missing, []);
  await t.throwsAsync(model.loadPyTorch(path), { message: /\n {2}unexpected: scale$/ });
});

test('what torch.save writes is told from safetensors', async (t) => {
  const path = join(folder, 'model.pt');
  writeFileSync(path, Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 8, 8, 0, 0, 0, 0));
  await t.throwsAsync(squares('a').loadPyTorch(path), {
    code: 'FILE_FORMAT',
    message:
      /this is a ZIP archive, such as torch\.save, .* safetensors\.torch\.save_file\(model\.state_dict\(\), path\) writes one, /,
  });
});

const load = (map: Readonly<Record<string, string>>) => digitsNet({}).loadPyTorch(STATE, { map });
testErrors(test, 'INVALID_OPTION', [
  [
    () => load({ conv3: 'conv2d_1' }),
    'loadPyTorch: map has "conv3", which is no module of the file; did you mean "conv1"?',
  ],
  [
    () => load({ conv1: 'flatten_1' }),
    'loadPyTorch: map has "flatten_1", which is no layer with weights; there are conv2d_1, conv2d_2, dense_1 and dense_2',
  ],
  [
    () => load({ conv1: 'conv2d_1', conv2: 'conv2d_1' }),
    'loadPyTorch: map gives "conv2d_1" to both "conv1" and "conv2"',
  ],
  [
    () => load(wrongly({ conv1: 1 })),
    'loadPyTorch: map must be an object that gives the layer or block of a module, by names, got an object',
  ],
]);
