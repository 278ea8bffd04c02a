import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { listOf } from '../../lib/core/options.ts';
import { decodeSafetensors, encodeSafetensors } from '../../lib/formats/safetensors.ts';
import {
  adagrad,
  averagePool2d,
  binaryAccuracy,
  conv2d,
  dense,
  dropout,
  flatten,
  GradloomError,
  type GradloomErrorCode,
  gelu,
  globalAveragePool2d,
  iris,
  leakyRelu,
  loadModel,
  logSoftmax,
  maxPool2d,
  relu,
  sequential,
  sgd,
  silu,
  softplus,
  standardize,
  Trainer,
} from '../../lib/index.ts';
import { LAYER_KINDS } from '../../lib/models/network/make-layer.ts';

const folder = await mkdtemp(join(tmpdir(), 'gradloom-files-'));
const pathOf = (name: string) => join(folder, `${name}.safetensors`);
const [train] = standardize(await iris());

test.after.always(() => rm(folder, { recursive: true }));

const layers = [
  dense({ units: 6, activation: 'tanh' }),
  dropout({ rate: 0.25 }),
  dense({ units: 3 }),
] as const;

function irisTrainer() {
  const model = sequential({ inputShape: [4], seed: 3 }, layers);
  const optimizer = sgd({ learningRate: 0.05, momentum: 0.9 });
  return new Trainer(model, { optimizer, loss: 'softmaxCrossEntropy', metrics: ['accuracy'], seed: 9 });
}

test('a model comes back as it was: layers, weights, preprocessing, loss', async (t) => {
  const { model } = irisTrainer();
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  await trainer.fit(train);
  const path = pathOf('trained');
  await model.save(path);
  const loaded = await loadModel(path);
  t.deepEqual(loaded.getWeights(), model.getWeights());
  t.is(loaded.summary(), model.summary());
  const raw = [[5.1, 3.5, 1.4, 0.2]];
  t.deepEqual(await loaded.predict(raw), await model.predict(raw));
  t.deepEqual(await loaded.classify(raw), await model.classify(raw));
  t.deepEqual(await loaded.evaluate(train), await model.evaluate(train));
});

test('files hold what was there when they were asked for, though they are written later', async (t) => {
  const model = sequential({ inputShape: [4], seed: 3 }, [dense({ units: 200_000 }), dense({ units: 3 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  await trainer.fit(train);
  const before = { weights: model.getWeights(), state: trainer.getOptimizerState() };
  const saving = [trainer.save(pathOf('early')), model.save(pathOf('early-model'))];
  trainer.trainStep([[1, 2, 3, 4]], [0]);
  const run = trainer.fit(train);
  await Promise.all(saving);
  const loaded = await Trainer.load(pathOf('early'));
  t.deepEqual(loaded.model.getWeights(), before.weights);
  t.deepEqual(loaded.getOptimizerState(), before.state);
  t.deepEqual((await loadModel(pathOf('early-model'))).getWeights(), before.weights);
  await run;
  t.notDeepEqual(model.getWeights(), before.weights);
});

test('every layer and option comes back', async (t) => {
  const model = sequential({ inputShape: [9, 8, 4] }, [
    conv2d({ filters: 6, kernelSize: [3, 2], strides: 2, padding: [1, 0, 2, 1], groups: 2, bias: false }),
    relu({ name: 'between' }),
    conv2d({
      filters: 4,
      kernelSize: 2,
      dilation: [2, 1],
      padding: 'same',
      activation: 'sigmoid',
      kernel: 'blas',
    }),
    maxPool2d({ poolSize: 2, strides: 1, rounding: 'up' }),
    flatten(),
    dropout({ rate: 0.5 }),
    dense({ units: 2, name: 'end' }),
  ]);
  const path = pathOf('all-layers');
  await model.save(path);
  const loaded = await loadModel(path);
  const sample = Float32Array.from({ length: 9 * 8 * 4 }, (_, index) => Math.sin(index));
  t.deepEqual(loaded.predictSync(sample), model.predictSync(sample));
  await loaded.save(pathOf('all-layers-again'));
  t.deepEqual(await readFile(pathOf('all-layers-again')), await readFile(path));
});

test('pooling, activations and initializers of every kind survive saving and loading', async (t) => {
  const model = sequential({ inputShape: [9, 8, 4], seed: 2 }, [
    conv2d({ filters: 4, kernelSize: 3, weightInitializer: 'heNormal' }),
    gelu({ approximate: 'tanh' }),
    averagePool2d({ padding: 1, rounding: 'up', countPadding: 'include' }),
    silu(),
    globalAveragePool2d(),
    dense({ units: 5, activation: 'elu', weightInitializer: { kind: 'orthogonal', gain: 2 } }),
    leakyRelu({ slope: 0.3 }),
    dense({ units: 3, biasInitializer: { kind: 'constant', value: 0.5 } }),
    softplus(),
    logSoftmax(),
  ]);
  const { 'dense_2.bias': bias } = model.getWeights();
  t.deepEqual(bias?.data, new Float32Array([0.5, 0.5, 0.5]));
  const path = pathOf('more-layers');
  await model.save(path);
  const sample = Float32Array.from({ length: 9 * 8 * 4 }, (_, index) => Math.sin(index));
  t.deepEqual((await loadModel(path)).predictSync(sample), model.predictSync(sample));
});

test('the file is safetensors with named tensors and text metadata', async (t) => {
  const { model } = irisTrainer();
  const path = pathOf('format');
  await model.save(path);
  const { tensors, metadata } = decodeSafetensors(await readFile(path), path);
  t.deepEqual([...tensors.keys()], ['dense_1.weight', 'dense_1.bias', 'dense_2.weight', 'dense_2.bias']);
  t.like(tensors.get('dense_1.weight'), { dtype: 'F32', shape: [6, 4] });
  t.deepEqual(Object.keys(metadata), ['format', 'formatVersion', 'architecture']);
  t.like(metadata, { format: 'gradloom', formatVersion: '1' });
  t.deepEqual(JSON.parse(metadata.architecture ?? ''), {
    inputShape: [4],
    layers: [
      {
        kind: 'dense',
        units: 6,
        activation: 'tanh',
        bias: true,
        kernel: 'auto',
        weightInitializer: { kind: 'glorotUniform' },
        biasInitializer: { kind: 'zeros' },
        trainable: true,
        name: 'dense_1',
      },
      { kind: 'dropout', rate: 0.25, name: 'dropout_1' },
      {
        kind: 'dense',
        units: 3,
        activation: 'linear',
        bias: true,
        kernel: 'auto',
        weightInitializer: { kind: 'glorotUniform' },
        biasInitializer: { kind: 'zeros' },
        trainable: true,
        name: 'dense_2',
      },
    ],
  });
});

test('training on from a checkpoint gives the bits of a run without one', async (t) => {
  const whole = irisTrainer();
  await whole.fit(train, { epochs: 6 });

  const half = irisTrainer();
  await half.fit(train, { epochs: 3 });
  const path = pathOf('checkpoint');
  await half.save(path);
  const resumed = await Trainer.load(path, { threads: 1 });
  const { epochs } = await resumed.fit(train, { epochs: 3 });
  t.deepEqual(
    epochs.map(({ epoch }) => epoch),
    [4, 5, 6],
  );
  t.true(Number(epochs[0]?.accuracy) > 0);
  t.deepEqual(resumed.model.getWeights(), whole.model.getWeights());
  await resumed.save(pathOf('resumed'));
  await whole.save(pathOf('whole'));
  t.deepEqual(await readFile(pathOf('resumed')), await readFile(pathOf('whole')));
});

test('a checkpoint of an untrained trainer, and with every setting', async (t) => {
  const model = sequential({ inputShape: [2] }, [dense({ units: 1 })]);
  const metrics = [binaryAccuracy({ threshold: 0.3 })] as const;
  const trainer = new Trainer(model, {
    optimizer: adagrad({ epsilonPlacement: 'inside', direction: 'maximize' }),
    loss: 'sigmoidBinaryCrossEntropy',
    metrics,
    nonFinite: 'ignore',
    seed: 4,
  });
  const [first, second] = [pathOf('settings'), pathOf('settings-again')];
  await trainer.save(first);
  await (await Trainer.load(first)).save(second);
  t.deepEqual(await readFile(second), await readFile(first));
  const { metadata } = decodeSafetensors(await readFile(first), first);
  t.like(JSON.parse(metadata.trainer ?? ''), {
    loss: { kind: 'sigmoidBinaryCrossEntropy', positiveWeight: 1 },
    metrics: [{ kind: 'binaryAccuracy', threshold: 0.3 }],
    seed: 4,
    nonFinite: 'ignore',
    steps: 0,
    epochs: 0,
  });
});

test('reset forgets the state of a file, and the initial one is back', async (t) => {
  const make = () =>
    new Trainer(irisTrainer().model, {
      optimizer: adagrad({ initialAccumulator: 0.1 }),
      loss: 'softmaxCrossEntropy',
    });
  const [trainer, path] = [make(), pathOf('initial')];
  await trainer.fit(train, { maxSteps: 2 });
  await trainer.save(path);
  const loaded = await Trainer.load(path);
  t.deepEqual(loaded.getOptimizerState(), trainer.getOptimizerState());
  loaded.reset();
  t.deepEqual(loaded.getOptimizerState(), make().getOptimizerState());
  t.true(
    Object.values(loaded.getOptimizerState().tensors).every(({ data }) =>
      data.every((value) => value === Math.fround(0.1)),
    ),
  );
});

test('loadModel reads the model of a checkpoint', async (t) => {
  const trainer = irisTrainer();
  await trainer.fit(train);
  await trainer.save(pathOf('model-of'));
  t.deepEqual((await loadModel(pathOf('model-of'))).getWeights(), trainer.model.getWeights());
});

test("a checkpoint can be saved at an epoch's end, and not in its midst", async (t) => {
  const trainer = irisTrainer();
  const path = pathOf('during');
  for await (const { epoch } of trainer.fit(train, { epochs: 3 })) {
    if (epoch === 2) await trainer.save(path);
  }
  await trainer.fit(train, { epochs: 2, onEpochEnd: () => trainer.save(pathOf('during-callback')) });
  const resumed = await Trainer.load(path);
  await resumed.fit(train, { epochs: 3 });
  t.deepEqual(resumed.model.getWeights(), trainer.model.getWeights());

  const run = trainer.fit(train, { epochs: 1_000_000 });
  await t.throwsAsync(trainer.save(path), {
    code: 'MODEL_BUSY',
    message:
      'save: the model is in the midst of an epoch; save in onEpochEnd or after the run, or use model.save for the weights alone',
  });
  await t.notThrowsAsync(trainer.model.save(pathOf('busy')));
  run.stop();
  await run;
});

test('saving to a folder that is not there', async (t) => {
  const { model } = irisTrainer();
  const missing = join(folder, 'missing', 'a.safetensors');
  await t.throwsAsync(model.save(missing), {
    code: 'FILE_NOT_FOUND',
    message: `${missing}: the folder ${join(folder, 'missing')} does not exist; create it first`,
  });
});

// Damaged files: each is a good one with one thing changed.

const good = pathOf('good');
const goodCheckpoint = pathOf('good-checkpoint');
const prepared = (async () => {
  const trainer = irisTrainer();
  await trainer.fit(train);
  await trainer.model.save(good);
  await trainer.save(goodCheckpoint);
})();

interface Damage {
  readonly title: string;
  readonly checkpoint?: true;
  readonly metadata?: (metadata: Record<string, string>) => void;
  readonly tensors?: (tensors: Map<string, unknown>) => void;
  readonly code?: GradloomErrorCode;
  readonly text: string;
}

function inJson(field: string, change: (value: Record<string, never>) => void) {
  return (metadata: Record<string, string>) => {
    const value = JSON.parse(metadata[field] ?? '');
    change(value);
    metadata[field] = JSON.stringify(value);
  };
}

const float32 = (shape: readonly number[], length: number) => ({
  dtype: 'F32',
  shape,
  data: new Float32Array(length),
});

const DAMAGES: readonly Damage[] = [
  {
    title: 'another program',
    metadata: (metadata) => delete metadata.format,
    text: 'metadata "format" must be "gradloom", got undefined; it is no model of Gradloom\'s: build the model and load the weights by its loadWeights or loadPyTorch',
  },
  {
    title: 'a newer version',
    metadata: (metadata) => {
      metadata.formatVersion = '2';
    },
    text: 'it was written by a newer Gradloom (format version 2, this one reads 1); update gradloom',
  },
  {
    title: 'a strange version',
    metadata: (metadata) => {
      metadata.formatVersion = '1.0';
    },
    text: 'metadata "formatVersion" must be "1", got "1.0"',
  },
  {
    title: 'no architecture',
    metadata: (metadata) => delete metadata.architecture,
    text: 'metadata "architecture" is missing',
  },
  {
    title: 'an architecture that is no JSON',
    metadata: (metadata) => {
      metadata.architecture = '{';
    },
    text: 'metadata "architecture" is not JSON',
  },
  {
    title: 'an architecture that is null',
    metadata: (metadata) => {
      metadata.architecture = 'null';
    },
    text: 'metadata "architecture": architecture: options must be an object with inputShape and layers, got null',
  },
  {
    title: 'a negative shape',
    metadata: inJson('architecture', (value) => Object.assign(value, { inputShape: [-4] })),
    text: 'metadata "architecture": architecture: inputShape must be the shape of one sample without the batch, such as [4] or [28, 28, 1], got [-4]',
  },
  {
    title: 'an unknown layer',
    metadata: inJson('architecture', (value) => Object.assign(value, { layers: [{ kind: 'lstm' }] })),
    text: `metadata "architecture": architecture: layers[0] has the unknown kind "lstm"; there are ${listOf(Object.keys(LAYER_KINDS))}`,
  },
  {
    title: 'a layer with an unknown option',
    metadata: inJson('architecture', (value) =>
      Object.assign(value, { layers: [{ kind: 'dense', units: 3, x: 1 }] }),
    ),
    text: 'metadata "architecture": dense: unknown option "x"; there are units, activation, bias, kernel, weightInitializer, biasInitializer, weightRegularizer, trainable and name',
  },
  {
    title: 'layers that do not fit',
    metadata: inJson('architecture', (value) => Object.assign(value, { layers: [{ kind: 'maxPool2d' }] })),
    text: 'metadata "architecture": maxPool2d "maxPool2d_1": takes images [height, width, channels], got samples of shape [4]; set the model\'s inputShape accordingly',
  },
  {
    title: 'an unknown loss',
    metadata: (metadata) => {
      metadata.loss = 'unhinged';
    },
    text: 'metadata "loss": loss: loss has the unknown kind "unhinged"; there are hinge, huber, meanAbsoluteError, meanSquaredError, poisson, sigmoidBinaryCrossEntropy, smoothL1, softmaxCrossEntropy and squaredHinge',
  },
  {
    title: 'a preprocessing of another size',
    metadata: inJson('preprocessing', (value) => Object.assign(value, { scale: [1, 2, 3] })),
    text: 'metadata "preprocessing": preprocessing: scale has 3 values; give 1, or 4 for the last axis',
  },
  {
    title: 'a preprocessing of text',
    metadata: inJson('preprocessing', (value) => Object.assign(value, { shift: 'none' })),
    text: 'metadata "preprocessing": preprocessing: shift must be a finite number, or an array of one for each index of the last axis, got "none"',
  },
  {
    title: 'a missing tensor',
    tensors: (tensors) => tensors.delete('dense_2.bias'),
    text: 'tensor "dense_2.bias" is missing',
  },
  {
    title: 'a tensor of another shape',
    tensors: (tensors) => tensors.set('dense_1.weight', float32([4, 6], 24)),
    text: 'tensor "dense_1.weight" has shape [4, 6], the architecture needs [6, 4]',
  },
  {
    title: 'a tensor of another type',
    tensors: (tensors) =>
      tensors.set('dense_2.bias', { dtype: 'F64', shape: [3], data: new Float64Array(3) }),
    text: 'tensor "dense_2.bias" has dtype F64, expected F32 or BF16',
  },
  {
    title: 'a tensor too many',
    tensors: (tensors) => tensors.set('dense_3.bias', float32([3], 3)),
    text: 'tensor "dense_3.bias" belongs to no layer of the architecture',
  },
  {
    title: 'a checkpoint without a state',
    checkpoint: true,
    tensors: (tensors) => tensors.delete('dense_1.bias.momentum'),
    text: 'tensor "dense_1.bias.momentum" is missing',
  },
  {
    title: 'a checkpoint with a state too many',
    checkpoint: true,
    tensors: (tensors) => tensors.set('dense_1.bias.velocity', float32([6], 6)),
    text: 'tensor "dense_1.bias.velocity" belongs to no layer of the architecture',
  },
  {
    title: 'a checkpoint of an unknown optimizer',
    checkpoint: true,
    metadata: inJson('trainer', (value) => Object.assign(value, { optimizer: { kind: 'adamm' } })),
    text: 'metadata "trainer": trainer: optimizer has the unknown kind "adamm"; did you mean "adam"?',
  },
  {
    title: 'a checkpoint with a negative count',
    checkpoint: true,
    metadata: inJson('trainer', (value) => Object.assign(value, { steps: -1 })),
    text: 'metadata "trainer": trainer: steps must be an integer of at least 0, got -1',
  },
  {
    title: 'a checkpoint without a seed',
    checkpoint: true,
    metadata: inJson('trainer', (value) => Object.assign(value, { seed: undefined })),
    text: 'metadata "trainer": trainer: seed is missing; it must be an integer of at least 0',
  },
];

for (const [
  index,
  { title, checkpoint, metadata, tensors, code = 'FILE_FORMAT', text },
] of DAMAGES.entries()) {
  test(`a file of ${title} is refused`, async (t) => {
    await prepared;
    const decoded = decodeSafetensors(await readFile(checkpoint ? goodCheckpoint : good), 'good');
    const newMetadata = { ...decoded.metadata };
    const newTensors = new Map(decoded.tensors);
    metadata?.(newMetadata);
    tensors?.(newTensors);
    const path = pathOf(`damaged-${index}`);
    await writeFile(path, encodeSafetensors(newTensors, newMetadata));
    const error = await t.throwsAsync<GradloomError>(checkpoint ? Trainer.load(path) : loadModel(path), {
      instanceOf: GradloomError,
    });
    t.is(error?.message, `${path}: ${text}`);
    t.is(error?.code, code);
  });
}

test('a model is no checkpoint', async (t) => {
  await prepared;
  await t.throwsAsync(Trainer.load(good), {
    code: 'FILE_FORMAT',
    message: `${good}: it holds a model without a trainer; read it with loadModel`,
  });
});

test('a file that is not there', async (t) => {
  const path = pathOf('nowhere');
  await t.throwsAsync(loadModel(path), {
    code: 'FILE_NOT_FOUND',
    message: `${path}: there is no such file; check the path`,
  });
});

test('a file that changed, was cut off or is no safetensors', async (t) => {
  await prepared;
  const path = pathOf('changed');
  await copyFile(good, path);
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await t.throwsAsync(loadModel(path), { code: 'CHECKSUM_MISMATCH' });
  await writeFile(path, bytes.subarray(0, bytes.length - 4));
  await t.throwsAsync(loadModel(path), { code: 'FILE_FORMAT' });
  await writeFile(path, 'no tensors at all');
  await t.throwsAsync(loadModel(path), { code: 'FILE_FORMAT' });
});
