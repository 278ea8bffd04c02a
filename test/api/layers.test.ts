import test from 'ava';
import {
  averagePool2d,
  batchNorm,
  conv2d,
  dense,
  dropout,
  elu,
  flatten,
  gaussianNoise,
  gelu,
  globalAveragePool2d,
  globalMaxPool2d,
  layerNorm,
  leakyRelu,
  logSoftmax,
  maxPool2d,
  relu,
  reshape,
  sigmoid,
  silu,
  softmax,
  softplus,
  spatialDropout,
  tanh,
  threshold,
  upsample2d,
  zeroPad2d,
} from '../../lib/layers/index.ts';
import type { Initializer } from '../../lib/layers/initializer.ts';
import { sequential } from '../../lib/models/index.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

test('descriptions are frozen and hold the defaults', (t) => {
  t.deepEqual(dense({ units: 10 }), {
    kind: 'dense',
    units: 10,
    activation: 'linear',
    bias: true,
    kernel: 'auto',
    weightInitializer: { kind: 'glorotUniform' },
    biasInitializer: { kind: 'zeros' },
    trainable: true,
  });
  t.deepEqual(conv2d({ filters: 8, kernelSize: 3, name: 'first' }), {
    kind: 'conv2d',
    name: 'first',
    filters: 8,
    kernelSize: [3, 3],
    strides: [1, 1],
    dilation: [1, 1],
    padding: 'valid',
    groups: 1,
    activation: 'linear',
    bias: true,
    kernel: 'auto',
    weightInitializer: { kind: 'glorotUniform' },
    biasInitializer: { kind: 'zeros' },
    trainable: true,
  });
  t.deepEqual(maxPool2d({ poolSize: [3, 2] }), {
    kind: 'maxPool2d',
    poolSize: [3, 2],
    strides: [3, 2],
    dilation: [1, 1],
    padding: 'valid',
    rounding: 'down',
  });
  t.deepEqual(maxPool2d().strides, [2, 2]);
  t.deepEqual(maxPool2d({ strides: 1 }).strides, [1, 1]);
  t.deepEqual(averagePool2d({ poolSize: 3, strides: 2 }), {
    kind: 'averagePool2d',
    poolSize: [3, 3],
    strides: [2, 2],
    dilation: [1, 1],
    padding: 'valid',
    rounding: 'down',
    countPadding: 'exclude',
  });
  t.deepEqual(averagePool2d().strides, [2, 2]);
  t.deepEqual(
    [leakyRelu(), threshold(), elu(), gelu()],
    [
      { kind: 'leakyRelu', slope: 0.01 },
      { kind: 'threshold', threshold: 0, value: 0 },
      { kind: 'elu', alpha: 1 },
      { kind: 'gelu', approximate: 'none' },
    ],
  );
  t.deepEqual(
    [silu(), softplus(), logSoftmax(), globalAveragePool2d(), globalMaxPool2d()].map(({ kind }) => kind),
    ['silu', 'softplus', 'logSoftmax', 'globalAveragePool2d', 'globalMaxPool2d'],
  );
  const weights = {
    scale: true,
    shift: true,
    weightInitializer: { kind: 'constant', value: 1 },
    biasInitializer: { kind: 'zeros' },
  };
  t.deepEqual(batchNorm(), {
    kind: 'batchNorm',
    momentum: 0.1,
    epsilon: 1e-5,
    statistics: 'batch',
    trainable: true,
    ...weights,
  });
  t.deepEqual(layerNorm({ axes: 3, trainable: false }), {
    kind: 'layerNorm',
    axes: 3,
    epsilon: 1e-5,
    trainable: false,
    ...weights,
  });
  t.deepEqual(dropout({ rate: 0 }), { kind: 'dropout', rate: 0 });
  t.deepEqual(
    [flatten(), relu(), tanh(), sigmoid(), softmax({ name: 'end' })],
    [
      { kind: 'flatten' },
      { kind: 'relu' },
      { kind: 'tanh' },
      { kind: 'sigmoid' },
      { kind: 'softmax', name: 'end' },
    ],
  );
  for (const layer of [dense({ units: 1 }), conv2d({ filters: 1, kernelSize: 1 }), maxPool2d(), relu()]) {
    t.true(Object.isFrozen(layer));
    t.true(Object.values(layer).every((value) => Object.isFrozen(value)));
  }
});

test('an initializer is a name or an object, read as an object', (t) => {
  const read = (weightInitializer: Initializer) => dense({ units: 1, weightInitializer }).weightInitializer;
  t.deepEqual(read('heNormal'), { kind: 'heNormal' });
  t.deepEqual(read({ kind: 'zeros' }), { kind: 'zeros' });
  t.deepEqual(read({ kind: 'constant', value: -0.5 }), { kind: 'constant', value: -0.5 });
  t.deepEqual(read({ kind: 'orthogonal', gain: 2 }), { kind: 'orthogonal', gain: 2 });
  t.deepEqual(read({ kind: 'truncatedNormal', standardDeviation: 0.1 }), {
    kind: 'truncatedNormal',
    standardDeviation: 0.1,
  });
  t.true(Object.isFrozen(read('zeros')));
});

test('an option that is undefined is as if left out', (t) => {
  t.deepEqual(dense(wrongly({ units: 3, name: undefined, bias: undefined })), dense({ units: 3 }));
});

for (const [given, read] of [
  ['same', 'same'],
  [2, [2, 2, 2, 2]],
  [
    [1, 2],
    [1, 1, 2, 2],
  ],
  [
    [1, 2, 3, 4],
    [1, 2, 3, 4],
  ],
  [{ top: 1, bottom: 2, left: 3, right: 4 }, [1, 2, 3, 4]],
] as const) {
  test(`padding ${JSON.stringify(given)} is read as ${JSON.stringify(read)}`, (t) => {
    t.deepEqual(conv2d({ filters: 1, kernelSize: 1, padding: given }).padding, read);
    t.deepEqual(maxPool2d({ padding: given }).padding, read);
  });
}

test('the normal form of every option is itself an option', (t) => {
  const layer = conv2d({ filters: 4, kernelSize: [3, 5], padding: 1, strides: 2 });
  const { kind: _, ...options } = layer;
  t.deepEqual(conv2d(wrongly(options)), layer);
});

const PADDING =
  '"valid", "same", an integer of at least 0, [vertical, horizontal], [top, bottom, left, right] or { top, bottom, left, right }';
const PAIR = 'an integer from 1 to 2147483647, or a pair of them as [vertical, horizontal]';

const INITIALIZER =
  'one of "glorotUniform", "glorotNormal", "heUniform", "heNormal", "lecunUniform", "lecunNormal", "zeros", "orthogonal", { kind: "orthogonal", gain }, { kind: "constant", value }, { kind: "truncatedNormal", standardDeviation } or { kind: "given", values }, each number finite and neither gain nor standardDeviation below 0';

test('padding, sizes and open shapes are read in their normal form', (t) => {
  t.deepEqual(zeroPad2d({ padding: [1, 2] }).padding, [1, 1, 2, 2]);
  t.deepEqual(upsample2d().size, [2, 2]);
  t.deepEqual(upsample2d({ size: [1, 3] }).size, [1, 3]);
  const model = sequential({ inputShape: [6, 4, 2] }, [
    zeroPad2d({ padding: { top: 1, bottom: 0, left: 2, right: 3 } }),
    upsample2d({ size: [1, 2] }),
    spatialDropout({ rate: 0.2 }),
    gaussianNoise({ standardDeviation: 0.1 }),
    reshape({ shape: [-1, 9] }),
  ]);
  t.deepEqual(
    model.layers.map(({ outputShape }) => outputShape),
    [
      [7, 9, 2],
      [7, 18, 2],
      [7, 18, 2],
      [7, 18, 2],
      [28, 9],
    ],
  );
});

test('padding and upsampling move values to their places', (t) => {
  const model = sequential({ inputShape: [1, 2, 1] }, [
    zeroPad2d({ padding: { top: 1, bottom: 0, left: 0, right: 1 } }),
    upsample2d({ size: [2, 1] }),
  ]);
  const { data } = model.predictSync(Float32Array.of(5, 7));
  t.deepEqual([...data], [0, 0, 0, 0, 0, 0, 5, 7, 0, 5, 7, 0]);
});

const WRONG: readonly WrongUse[] = [
  [
    () => zeroPad2d({ padding: wrongly('same') }),
    'zeroPad2d: padding must be an integer of at least 0, [vertical, horizontal], [top, bottom, left, right] or { top, bottom, left, right }, got "same"',
  ],
  [() => upsample2d({ size: 0 }), `upsample2d: size must be ${PAIR}, got 0`],
  [
    () => reshape({ shape: [-1, -1] }),
    'reshape: shape must be a shape such as [4, 8], in which one entry may be -1, got [-1, -1]',
  ],
  [
    () => gaussianNoise({ standardDeviation: -1 }),
    'gaussianNoise: standardDeviation must be a finite number of at least 0, got -1',
  ],
  [
    () => spatialDropout({ rate: 1 }),
    'spatialDropout: rate must be a number from 0 up to but not including 1, got 1',
  ],
  [() => dense(wrongly({})), 'dense: units is missing; it must be an integer from 1 to 2147483647'],
  [() => dense(wrongly(undefined)), 'dense: units is missing; it must be an integer from 1 to 2147483647'],
  [
    () => dense(wrongly(10)),
    'dense: options must be an object with units, activation, bias, kernel, weightInitializer, biasInitializer, weightRegularizer, trainable and name, got 10',
  ],
  [
    () => dense(wrongly([10])),
    'dense: options must be an object with units, activation, bias, kernel, weightInitializer, biasInitializer, weightRegularizer, trainable and name, got [10]',
  ],
  [() => dense({ units: 0 }), 'dense: units must be an integer from 1 to 2147483647, got 0'],
  [() => dense({ units: -0 }), 'dense: units must be an integer from 1 to 2147483647, got -0'],
  [() => dense({ units: 2.5 }), 'dense: units must be an integer from 1 to 2147483647, got 2.5'],
  [() => dense({ units: Number.NaN }), 'dense: units must be an integer from 1 to 2147483647, got NaN'],
  [() => dense({ units: 2 ** 31 }), 'dense: units must be an integer from 1 to 2147483647, got 2147483648'],
  [() => dense({ units: wrongly('10') }), 'dense: units must be an integer from 1 to 2147483647, got "10"'],
  [() => dense({ units: wrongly(10n) }), 'dense: units must be an integer from 1 to 2147483647, got 10n'],
  [() => dense({ units: wrongly(null) }), 'dense: units must be an integer from 1 to 2147483647, got null'],
  [() => dense(wrongly({ unit: 10 })), 'dense: unknown option "unit"; did you mean "units"?'],
  [
    () => dense(wrongly({ units: 1, Activation: 'relu' })),
    'dense: unknown option "Activation"; did you mean "activation"?',
  ],
  [
    () => dense(wrongly({ units: 1, dropout: 0.5 })),
    'dense: unknown option "dropout"; there are units, activation, bias, kernel, weightInitializer, biasInitializer, weightRegularizer, trainable and name',
  ],
  [
    () => dense({ units: 1, name: 'out', activation: wrongly('gelu_new') }),
    'dense "out": activation must be "linear", "relu", "tanh", "sigmoid", "softmax", "leakyRelu", "elu", "gelu", "silu", "softplus" or "logSoftmax", got "gelu_new"',
  ],
  [() => dense({ units: 1, bias: wrongly('no') }), 'dense: bias must be true or false, got "no"'],
  [
    () => conv2d({ filters: 1, kernelSize: 3, kernel: wrongly('fft') }),
    'conv2d: kernel must be "auto", "direct", "winograd" or "blas", got "fft"',
  ],
  [() => dense({ units: 1, kernel: wrongly('fast') }), 'dense: kernel must be "auto" or "blas", got "fast"'],
  [
    () => dense({ units: 1, name: 'a.b' }),
    'dense: name must be a name of 1 to 100 letters, digits, _ and -, got "a.b"',
  ],
  [
    () => dense({ units: 1, name: '' }),
    'dense: name must be a name of 1 to 100 letters, digits, _ and -, got ""',
  ],
  [
    () => dense({ units: 1, name: 'x'.repeat(101) }),
    `dense: name must be a name of 1 to 100 letters, digits, _ and -, got "${'x'.repeat(59)}...`,
  ],
  [() => conv2d(wrongly({ filters: 8 })), `conv2d: kernelSize is missing; it must be ${PAIR}`],
  [() => conv2d({ filters: 8, kernelSize: 0 }), `conv2d: kernelSize must be ${PAIR}, got 0`],
  [() => conv2d({ filters: 8, kernelSize: [3, 0] }), `conv2d: kernelSize must be ${PAIR}, got [3, 0]`],
  [
    () => conv2d({ filters: 8, kernelSize: wrongly([3, 3, 3]), name: 'conv1' }),
    `conv2d "conv1": kernelSize must be ${PAIR}, got [3, 3, 3]`,
  ],
  [
    () => conv2d(wrongly({ filters: 8, kernelSize: 3, stride: 2 })),
    'conv2d: unknown option "stride"; did you mean "strides"?',
  ],
  [() => conv2d({ filters: 8, kernelSize: 3, padding: -1 }), `conv2d: padding must be ${PADDING}, got -1`],
  [
    () => conv2d({ filters: 8, kernelSize: 3, padding: wrongly('full') }),
    `conv2d: padding must be ${PADDING}, got "full"`,
  ],
  [
    () => conv2d({ filters: 8, kernelSize: 3, padding: wrongly([1, 1, 1]) }),
    `conv2d: padding must be ${PADDING}, got [1, 1, 1]`,
  ],
  [
    () => conv2d({ filters: 8, kernelSize: 3, padding: wrongly({ top: 1, left: 1 }) }),
    `conv2d: padding must be ${PADDING}, got an object`,
  ],
  [
    () => conv2d({ filters: 8, kernelSize: 3, groups: wrongly([2]) }),
    'conv2d: groups must be an integer from 1 to 2147483647, got [2]',
  ],
  [() => maxPool2d({ rounding: wrongly('ceil') }), 'maxPool2d: rounding must be "down" or "up", got "ceil"'],
  [
    () => maxPool2d(wrongly({ size: 2 })),
    'maxPool2d: unknown option "size"; there are poolSize, strides, dilation, padding, rounding and name',
  ],
  [() => dropout({ rate: 1 }), 'dropout: rate must be a number from 0 up to but not including 1, got 1'],
  [
    () => dropout({ rate: -0.1 }),
    'dropout: rate must be a number from 0 up to but not including 1, got -0.1',
  ],
  [() => dropout(wrongly({ rat: 0.5 })), 'dropout: unknown option "rat"; did you mean "rate"?'],
  [() => batchNorm({ momentum: 1.5 }), 'batchNorm: momentum must be a number from 0 to 1, got 1.5'],
  [() => batchNorm({ epsilon: 0 }), 'batchNorm: epsilon must be a finite number above 0, got 0'],
  [
    () => batchNorm({ statistics: wrongly('moving') }),
    'batchNorm: statistics must be "batch" or "running", got "moving"',
  ],
  [
    () => batchNorm(wrongly({ center: false })),
    'batchNorm: unknown option "center"; there are momentum, epsilon, scale, shift, statistics, weightInitializer, biasInitializer, trainable and name',
  ],
  [() => layerNorm({ axes: 0 }), 'layerNorm: axes must be an integer from 1 to 4, got 0'],
  [() => dense({ units: 1, trainable: wrongly(0) }), 'dense: trainable must be true or false, got 0'],
  [() => relu(wrongly({ trainable: false })), 'relu: unknown option "trainable"; there is only name'],
  [() => leakyRelu({ slope: -1 }), 'leakyRelu: slope must be a finite number of at least 0, got -1'],
  [() => threshold({ value: 1e39 }), 'threshold: value must be a number that float32 can hold, got 1e+39'],
  [() => elu({ alpha: 0 }), 'elu: alpha must be a finite number above 0, got 0'],
  [() => gelu({ approximate: wrongly('erf') }), 'gelu: approximate must be "none" or "tanh", got "erf"'],
  [
    () => averagePool2d({ countPadding: wrongly(true) }),
    'averagePool2d: countPadding must be "exclude" or "include", got true',
  ],
  [
    () => dense({ units: 1, weightInitializer: wrongly('glorot') }),
    `dense: weightInitializer must be ${INITIALIZER}, got "glorot"`,
  ],
  [
    () => conv2d({ filters: 1, kernelSize: 1, biasInitializer: wrongly({ kind: 'constant' }) }),
    `conv2d: biasInitializer must be ${INITIALIZER}, got an object`,
  ],
  [
    () => dense({ units: 1, weightInitializer: { kind: 'orthogonal', gain: -1 } }),
    `dense: weightInitializer must be ${INITIALIZER}, got an object`,
  ],
  [
    () => dense({ units: 1, weightInitializer: wrongly({ kind: 'zeros', value: 1 }) }),
    `dense: weightInitializer must be ${INITIALIZER}, got an object`,
  ],
  [() => relu(wrongly({ slope: 0.1 })), 'relu: unknown option "slope"; there is only name'],
  [() => flatten(wrongly('x')), 'flatten: options must be an object with name, got "x"'],
];

testErrors(test, 'INVALID_OPTION', WRONG);
