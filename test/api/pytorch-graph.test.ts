/** State dicts of nets with several inputs and heads, against what PyTorch gave. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { decodeSafetensors, encodeSafetensors } from '../../lib/formats/safetensors.ts';
import type { Tensor } from '../../lib/formats/tensor.ts';
import {
  add,
  concat,
  conv2d,
  dense,
  dot,
  embedding,
  flatten,
  graph,
  input,
  layerNorm,
  multiply,
  tanh,
} from '../../lib/index.ts';
import { deviationOf, TOLERANCES } from '../golden/tolerances.ts';
import { checkError } from './errors.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const STATE = fixture('pytorch-graph.safetensors');
const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));

/** The net of make-pytorch-graph.py; without names as `graph` gives them. */
function network(named: boolean) {
  const name = (given: string) => (named ? { name: given } : {});
  const nodes = { image: input([5, 6, 2]), user: input([1]), item: input([1]), facts: input([3]) };
  const seen = nodes.image.pipe(
    conv2d({ filters: 3, kernelSize: 3, activation: 'tanh', ...name('conv') }),
    flatten(),
  );
  const [first, second] = [dense({ units: 4, ...name('tower_0') }), dense({ units: 4, ...name('tower_2') })];
  const users = nodes.user.pipe(embedding({ rows: 7, units: 4, ...name('users') }), flatten());
  const items = nodes.item.pipe(embedding({ rows: 5, units: 4, ...name('items') }), flatten());
  const [user, item] = [users.pipe(first, tanh(), second), items.pipe(first, tanh(), second)];
  const every = concat([seen, nodes.facts, user, item, multiply([seen, seen]), dot([user, item])]);
  const hidden = multiply([
    every.pipe(layerNorm({ ...name('norm') }), dense({ units: 8, activation: 'relu', ...name('trunk') })),
    seen.pipe(dense({ units: 8, activation: 'sigmoid', ...name('gate') })),
  ]);
  return graph({
    inputs: nodes,
    outputs: {
      price: hidden.pipe(dense({ units: 1, ...name('price') })),
      kind: hidden.pipe(dense({ units: 3, ...name('kind') })),
    },
    seed: 2,
  });
}

async function shares(model: ReturnType<typeof network>): Promise<number[]> {
  const path = fixture('pytorch-graph-outputs.safetensors');
  const { tensors } = decodeSafetensors(readFileSync(path), path, { checksum: 'optional' });
  const of = (name: string) => tensors.get(name)?.data as Float32Array;
  const ids = of('ids');
  const column = (at: number) => Int32Array.from({ length: 9 }, (_, i) => ids[2 * i + at] as number);
  const samples = { image: of('image'), user: column(0), item: column(1), facts: of('facts') };
  const outputs = await model.predict(samples, { batchSize: 4 });
  return (['price', 'kind'] as const).map((head) => {
    const [got, ref] = [outputs[head].data, of(head)];
    return deviationOf({ tensor: head, got, ref, tolerance: TOLERANCES.product }).share;
  });
}

test('a net of three inputs, a shared tower and two heads predicts as in PyTorch', async (t) => {
  const model = network(true);
  t.true((await shares(model)).every((share) => share > 100));
  const report = await model.loadPyTorch(STATE);
  t.deepEqual([...report.loaded].sort(), Object.keys(model.getWeights()).sort());
  t.deepEqual([...report.reordered].sort(), ['gate.weight', 'norm.bias', 'norm.weight', 'trunk.weight']);
  t.deepEqual(
    report.modules.filter(({ matchedBy }) => matchedBy !== 'name').map(({ module }) => module),
    ['tower.0', 'tower.2'],
  );
  for (const share of await shares(model)) t.true(share <= 1, String(share));
});

test('modules find their layers by shapes, and by order only along a chain', async (t) => {
  const model = network(false);
  const report = await model.loadPyTorch(STATE);
  t.deepEqual(
    report.modules
      .filter(({ matchedBy }) => matchedBy === 'order')
      .map(({ module, layer }) => [module, layer]),
    [
      ['tower.0', 'dense_1'],
      ['tower.2', 'dense_2'],
    ],
  );
  for (const share of await shares(model)) t.true(share <= 1, String(share));
});

/** A file of float32 tensors of these shapes. */
function writeState(name: string, shapes: Readonly<Record<string, readonly number[]>>) {
  const path = join(folder, `${name}.safetensors`);
  const tensors = Object.entries(shapes).map(([tensor, shape]): [string, Tensor] => {
    const length = shape.reduce((size, extent) => size * extent, 1);
    return [tensor, { dtype: 'F32', shape, data: Float32Array.from({ length }, (_, i) => i) }];
  });
  writeFileSync(path, encodeSafetensors(tensors));
  return path;
}

test('towers side by side have no order: which module is which must be said', async (t) => {
  const [a, b] = [input([2]), input([2])];
  const [left, right] = [
    a.pipe(dense({ units: 2, name: 'left', bias: false })),
    b.pipe(dense({ units: 2, name: 'right', bias: false })),
  ];
  const model = graph({ inputs: { a, b }, output: add([left, right]) });
  const path = writeState('towers', { 'towers.0.weight': [2, 2], 'towers.1.weight': [2, 2] });
  await t.throwsAsync(model.loadPyTorch(path), {
    code: 'INVALID_DATA',
    message:
      /ambiguous: towers.0, towers.1 and left, right all have weight \[2, 2\]; say with map which is which/,
  });
  const { modules } = await model.loadPyTorch(path, { map: { 'towers.0': 'right', 'towers.1': 'left' } });
  t.deepEqual(
    modules.map(({ module, layer }) => [module, layer]),
    [
      ['towers.0', 'right'],
      ['towers.1', 'left'],
    ],
  );
});

test('what cannot be followed is said', async (t) => {
  const [image, flat] = [input([2, 2, 3]), input([12])];
  const shared = dense({ units: 2, name: 'shared' });
  const twice = graph({
    inputs: { image, flat },
    output: add([image.pipe(flatten(), shared), flat.pipe(shared)]),
  });
  const path = writeState('shared', { 'shared.weight': [2, 12], 'shared.bias': [2] });
  await checkError(t, 'INVALID_OPTION', [
    () => twice.loadPyTorch(path),
    'loadPyTorch: layer "shared" is used for features in two orders, of which its weights can follow one; set them by loadWeights',
  ]);
  const mixed = graph({
    inputs: { image, flat },
    output: add([image.pipe(flatten()), flat]).pipe(dense({ units: 2, name: 'shared' })),
  });
  await checkError(t, 'INVALID_OPTION', [
    () => mixed.loadPyTorch(path),
    'loadPyTorch: between layer "add_1" and the map [2, 2, 3] the order of features cannot be followed; put a dense layer right behind flatten, or set its weights by loadWeights',
  ]);
});
