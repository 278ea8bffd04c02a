import test from 'ava';
import {
  averagePool2d,
  conv2d,
  dense,
  dropout,
  elu,
  flatten,
  gelu,
  globalAveragePool2d,
  globalMaxPool2d,
  leakyRelu,
  logSoftmax,
  maxPool2d,
  relu,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
} from '../../lib/layers/index.ts';
import type { Initializer } from '../../lib/layers/initializer.ts';
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
    [leakyRelu(), elu(), gelu()],
    [
      { kind: 'leakyRelu', slope: 0.01 },
      { kind: 'elu', alpha: 1 },
      { kind: 'gelu', approximate: 'none' },
    ],
  );
  t.deepEqual(
    [silu(), softplus(), logSoftmax(), globalAveragePool2d(), globalMaxPool2d()].map(({ kind }) => kind),
    ['silu', 'softplus', 'logSoftmax', 'globalAveragePool2d', 'globalMaxPool2d'],
  );
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
  'one of "glorotUniform", "glorotNormal", "heUniform", "heNormal", "lecunUniform", "lecunNormal", "zeros", { kind: "constant", value }, { kind: "orthogonal", gain } or { kind: "truncatedNormal", standardDeviation }, each number finite and none but value below 0';

const WRONG: readonly WrongUse[] = [
  [() => dense(wrongly({})), 'dense: units is missing; it must be an integer from 1 to 2147483647'],
  [() => dense(wrongly(undefined)), 'dense: units is missing; it must be an integer from 1 to 2147483647'],
  [
    () => dense(wrongly(10)),
    'dense: options must be an object with units, activation, bias, kernel, weightInitializer, biasInitializer and name, got 10',
  ],
  [
    () => dense(wrongly([10])),
    'dense: options must be an object with units, activation, bias, kernel, weightInitializer, biasInitializer and name, got [10]',
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
    'dense: unknown option "dropout"; there are units, activation, bias, kernel, weightInitializer, biasInitializer and name',
  ],
  [
    () => dense({ units: 1, name: 'out', activation: wrongly('gelu') }),
    'dense "out": activation must be "linear", "relu", "tanh", "sigmoid", "softmax", "leakyRelu", "elu" or "logSoftmax", got "gelu"',
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
  [() => leakyRelu({ slope: -1 }), 'leakyRelu: slope must be a finite number of at least 0, got -1'],
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
