/** What holds for every layer of the public interface. Finds them by the exports: one without an example fails. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { adagrad, dense, fromArrays, fromSparse, loadModel, sequential, Trainer } from '../../lib/index.ts';
import * as layers from '../../lib/layers/index.ts';
import type { Layer } from '../../lib/layers/layer.ts';
import { mergingLayers } from '../../lib/layers/merging.ts';
import { LAYER_KINDS, makeLayer, residual } from '../../lib/models/network/make-layer.ts';
import { wrongly } from './errors.ts';

interface Example {
  readonly make: (options: { readonly name?: string }) => Layer;
  readonly inputShape: readonly number[];
  /** Of a layer that reads the model's own input as ids or as sparse samples. */
  readonly reads?: 'ids' | 'sparse';
}

const VECTOR = [12] as const;
const IMAGE = [6, 5, 4] as const;
const vector = (make: Example['make']): Example => ({ make, inputShape: VECTOR });
const matrix = (make: Example['make']): Example => ({ make, inputShape: [5, 3] });
const ids = (make: Example['make']): Example => ({ make, inputShape: VECTOR, reads: 'ids' });
const sparse = (make: Example['make']): Example => ({ make, inputShape: VECTOR, reads: 'sparse' });
const image = (make: Example['make']): Example => ({ make, inputShape: IMAGE });

/** By export: each with options that are not the defaults, where it has any. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  averagePool2d: image((o) =>
    layers.averagePool2d({ poolSize: 3, strides: 2, padding: 1, rounding: 'up', ...o }),
  ),
  batchNorm: image((o) => layers.batchNorm({ momentum: 0.3, scale: false, ...o })),
  conv2d: image((o) => layers.conv2d({ filters: 6, kernelSize: 3, padding: 'same', groups: 2, ...o })),
  dense: vector((o) => layers.dense({ units: 7, activation: 'tanh', ...o })),
  dotInteraction: matrix((o) => layers.dotInteraction(o)),
  dropout: vector((o) => layers.dropout({ rate: 0.3, ...o })),
  elu: vector((o) => layers.elu({ alpha: 0.5, ...o })),
  embedding: ids((o) => layers.embedding({ rows: 30, units: 3, paddingId: 2, ...o })),
  embeddingBag: sparse((o) => layers.embeddingBag({ units: 5, pooling: 'sum', ...o })),
  factorizationMachine: matrix((o) => layers.factorizationMachine(o)),
  flatten: image((o) => layers.flatten(o)),
  gaussianNoise: vector((o) => layers.gaussianNoise({ standardDeviation: 0.3, ...o })),
  gelu: vector((o) => layers.gelu({ approximate: 'tanh', ...o })),
  globalAveragePool2d: image((o) => layers.globalAveragePool2d(o)),
  globalMaxPool2d: image((o) => layers.globalMaxPool2d(o)),
  layerNorm: image((o) => layers.layerNorm({ axes: 2, ...o })),
  leakyRelu: vector((o) => layers.leakyRelu({ slope: 0.2, ...o })),
  logSoftmax: vector((o) => layers.logSoftmax(o)),
  maxPool2d: image((o) => layers.maxPool2d({ poolSize: 3, strides: 2, padding: 1, ...o })),
  relu: vector((o) => layers.relu(o)),
  reshape: image((o) => layers.reshape({ shape: [3, 10, 4], ...o })),
  residual: image((o) =>
    residual([layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same' }), layers.batchNorm()], {
      shortcut: [layers.conv2d({ filters: 4, kernelSize: 1 })],
      ...o,
    }),
  ),
  sigmoid: vector((o) => layers.sigmoid(o)),
  silu: vector((o) => layers.silu(o)),
  softmax: vector((o) => layers.softmax(o)),
  softplus: vector((o) => layers.softplus(o)),
  sparseDense: sparse((o) => layers.sparseDense({ units: 5, activation: 'tanh', ...o })),
  spatialDropout: image((o) => layers.spatialDropout({ rate: 0.3, ...o })),
  tanh: vector((o) => layers.tanh(o)),
  threshold: vector((o) => layers.threshold({ threshold: 0.2, value: -1, ...o })),
  upsample2d: image((o) => layers.upsample2d({ size: [2, 1], ...o })),
  zeroPad2d: image((o) => layers.zeroPad2d({ padding: [1, 0, 2, 1], ...o })),
};

const COUNT = 20;

/** Something that learns before the layer, where that may be, and behind it, so that its gradient is asked for. */
function modelWith({ make, inputShape, reads }: Example, seed: number) {
  return sequential({ inputShape, seed }, [
    ...(reads === undefined ? [layers.layerNorm()] : []),
    make({ name: 'it' }),
    layers.flatten(),
    dense({ units: 3, name: 'end' }),
  ]);
}

function dataFor({ inputShape, reads }: Example) {
  const labels = Array.from({ length: COUNT }, (_, i) => (i * 7) % 3);
  if (reads === 'sparse') {
    const samples = labels.map((label, i) => ({ indices: [label, 3 + (i % 9)], values: [1, Math.sin(i)] }));
    return fromSparse({ inputShape: VECTOR, samples, labels });
  }
  if (reads === 'ids') {
    return fromArrays({
      inputs: Int32Array.from({ length: COUNT * 12 }, (_, i) => (i * i) % 30),
      inputShape,
      labels,
    });
  }
  const size = inputShape.reduce((product, extent) => product * extent, 1);
  return fromArrays({
    inputs: Float32Array.from({ length: COUNT * size }, (_, i) => Math.sin(i * 1.7) + (i % 3) / 2),
    inputShape,
    labels,
  });
}

async function train(example: Example, threads: number) {
  const model = modelWith(example, 4);
  const trainer = new Trainer(wrongly(model), {
    optimizer: adagrad({ learningRate: 0.05 }),
    loss: 'softmaxCrossEntropy',
    seed: 3,
    threads,
  });
  const { epochs } = await trainer.fit(wrongly(dataFor(example)), { epochs: 8, batchSize: 9 });
  return { model, epochs };
}

test('every exported layer has an example, and is what the native side registers', (t) => {
  t.deepEqual(Object.keys(EXAMPLES).sort(), Object.keys(LAYER_KINDS).sort());
  const source = readFileSync(new URL('../../native/layers/registry.cc', import.meta.url), 'utf8');
  const registered = [...source.matchAll(/\{"(\w+)", make\w*</g)].map(([, kind]) => kind as string);
  // A block is described by its layers and becomes them and a sum; layers that merge nodes are a graph's own.
  const described = Object.keys({ ...layers, ...mergingLayers }).filter((kind) => kind !== 'residual');
  t.deepEqual(registered.sort(), described.sort());
});

for (const [kind, example] of Object.entries(EXAMPLES)) {
  test(`${kind}: a frozen, plain description, by which it is made again`, (t) => {
    const layer = example.make({ name: 'it' });
    t.is(layer.kind, kind);
    t.is(layer.name, 'it');
    t.is(example.make({}).name, undefined);
    t.true(Object.isFrozen(layer));
    t.deepEqual(makeLayer('test', 'layer', JSON.parse(JSON.stringify(layer))), layer);
    t.throws(() => makeLayer('test', 'layer', { ...layer, nam: 'x' }), {
      code: 'INVALID_OPTION',
      message: new RegExp(`^${kind} "it": unknown option "nam"; `),
    });
    t.throws(() => makeLayer('test', 'layer', { ...layer, name: 'no blanks' }), { code: 'INVALID_OPTION' });
  });

  test(`${kind}: trains to the same bits on any number of threads, and comes back from a file and as a clone`, async (t) => {
    const { model, epochs } = await train(example, 1);
    t.true((epochs.at(-1)?.loss ?? Number.NaN) < (epochs[0]?.loss ?? 0), 'the loss falls');
    t.deepEqual((await train(example, 2)).model.getWeights(), model.getWeights());
    const folder = await mkdtemp(join(tmpdir(), 'gradloom-layers-'));
    const path = join(folder, 'model.safetensors');
    await model.save(path);
    const loaded = await loadModel(path);
    await rm(folder, { recursive: true });
    const expected = await model.predict(wrongly(dataFor(example)));
    t.true(expected.data.every(Number.isFinite));
    for (const copy of [loaded, model.clone()]) {
      t.deepEqual(copy.layers, model.layers);
      t.deepEqual(await copy.predict(wrongly(dataFor(example))), expected);
    }
  });

  if ('trainable' in example.make({})) {
    test(`${kind}: frozen, it keeps its weights while others train`, async (t) => {
      const frozen = {
        ...example,
        make: (options: object) => example.make({ ...options, trainable: false } as object),
      };
      const before = modelWith(frozen, 4).getWeights();
      const after = (await train(frozen, 1)).model.getWeights();
      const changed = Object.keys(after).filter((name) => {
        const [one, other] = [before[name]?.data, after[name]?.data];
        return !one?.every((value, place) => value === other?.[place]);
      });
      t.true(changed.includes('end.weight'));
      t.deepEqual(
        changed.filter((name) => name.startsWith('it.')),
        [],
      );
    });
  }
}
