import test from 'ava';
import { listOf } from '../../lib/core/options.ts';
import { batchNorm, conv2d, dense, dropout, flatten, maxPool2d, relu, sequential } from '../../lib/index.ts';
import { LAYER_KINDS } from '../../lib/models/network/make-layer.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

test('shapes and counts come from the layers', (t) => {
  const model = sequential({ inputShape: [28, 28, 1] }, [
    conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' }),
    maxPool2d(),
    flatten(),
    dense({ units: 10 }),
  ]);
  t.deepEqual(model.inputShape, [28, 28, 1]);
  t.deepEqual(model.outputShape, [10]);
  t.is(model.parameterCount, 80 + 15_690);
  t.deepEqual(
    model.layers.map(({ name, kind, outputShape, parameterCount }) => [
      name,
      kind,
      outputShape,
      parameterCount,
    ]),
    [
      ['conv2d_1', 'conv2d', [28, 28, 8], 80],
      ['maxPool2d_1', 'maxPool2d', [14, 14, 8], 0],
      ['flatten_1', 'flatten', [1568], 0],
      ['dense_1', 'dense', [10], 15_690],
    ],
  );
  t.is(
    model.summary(),
    [
      'layer        kind       output       parameters   bytes  FLOPs/sample',
      '---------------------------------------------------------------------',
      'input                   [28, 28, 1]',
      'conv2d_1     conv2d     [28, 28, 8]          80     320       107,584',
      'maxPool2d_1  maxPool2d  [14, 14, 8]           0       0             0',
      'flatten_1    flatten    [1568]                0       0             0',
      'dense_1      dense      [10]             15,690  62,760        31,360',
      '---------------------------------------------------------------------',
      'total                                    15,770  63,080       138,944',
      '61.6 KiB of float32 weights; 139 kFLOPs forward for one sample, two a multiply-add',
    ].join('\n'),
  );
});

test('the summary says how many parameters are trainable, when that is not all', (t) => {
  const totals = (trainable: boolean) =>
    sequential({ inputShape: [3] }, [dense({ units: 4, trainable }), batchNorm()])
      .summary()
      .split('\n')
      .at(-1);
  t.is(
    totals(true),
    '24 of the parameters are trainable; 128 B of float32 weights; 24 FLOPs forward for one sample, two a multiply-add',
  );
  t.is(
    totals(false),
    '8 of the parameters are trainable; 128 B of float32 weights; 24 FLOPs forward for one sample, two a multiply-add',
  );
});

test('layers are named by their kind and its count, unless they have a name', (t) => {
  const layer = dense({ units: 2 });
  const model = sequential({ inputShape: [2] }, [layer, relu(), dense({ units: 2, name: 'middle' }), layer]);
  t.deepEqual(
    model.layers.map(({ name }) => name),
    ['dense_1', 'relu_1', 'middle', 'dense_3'],
  );
  t.is(layer.name, undefined);
});

test('the seed decides on the weights', (t) => {
  const weights = (seed?: number) => {
    const options = seed === undefined ? {} : { seed };
    return sequential({ inputShape: [3], ...options }, [dense({ units: 4 })]).getWeights();
  };
  t.deepEqual(weights(), weights(0));
  t.deepEqual(weights(7), weights(7));
  t.notDeepEqual(weights(7), weights(8));
});

test('a layer may be described by hand', (t) => {
  const model = sequential({ inputShape: [4] }, [{ kind: 'dense', units: 3 }]);
  t.deepEqual(model.outputShape, [3]);
});

test('plan shows a step', (t) => {
  const model = sequential({ inputShape: [4] }, [
    dense({ units: 3, activation: 'relu' }),
    dense({ units: 2 }),
  ]);
  const plan = model.plan({ batchSize: 7, threads: 1 });
  t.is(plan.batchSize, 7);
  t.is(plan.threads, 1);
  t.deepEqual(
    plan.layers.map(({ name }) => name),
    ['dense_1', 'dense_2'],
  );
  t.true(plan.workspaceBytes > 0 && plan.workspaceBytes <= plan.unsharedBytes);
  t.true(model.plan({ mode: 'predict' }).workspaceBytes > 0);
});

test("plan names the kernel of each convolution, the one asked for or the table's", (t) => {
  const kernelsOf = (kernel: 'auto' | 'direct' | 'winograd' | 'blas') => {
    const options = { filters: 16, kernelSize: 3, padding: 'same', kernel } as const;
    const model = sequential({ inputShape: [8, 8, 3] }, [conv2d(options), conv2d(options)]);
    return model.plan({ batchSize: 32 }).layers.map((layer) => layer.kernel);
  };
  t.deepEqual(kernelsOf('auto'), ['direct', 'winograd']);
  t.deepEqual(kernelsOf('direct'), ['direct', 'direct']);
  t.deepEqual(kernelsOf('winograd'), ['winograd', 'winograd']);
  t.deepEqual(kernelsOf('blas'), ['blas-im2col', 'blas-im2col']);
});

test('plan: with dilation a convolution is by Winograd, too, but leaves a pooling behind it to the pooling', (t) => {
  const kernelsOf = (dilation: number | readonly [number, number]) => {
    const model = sequential({ inputShape: [16, 16, 16] }, [
      conv2d({ filters: 16, kernelSize: 3, padding: 'same', dilation }),
      maxPool2d({ poolSize: 2 }),
    ]);
    return model.plan({ batchSize: 32 }).layers.map((layer) => layer.kernel);
  };
  t.deepEqual(kernelsOf(1), ['winograd', 'fused']);
  t.deepEqual(kernelsOf(2), ['winograd', 'lanes']);
  t.deepEqual(kernelsOf([1, 4]), ['winograd', 'lanes']);
  t.deepEqual(kernelsOf(8), ['direct', 'fused']);
});

const SHAPE = 'the shape of one sample without the batch, such as [4] or [28, 28, 1]';
const image = { inputShape: [3, 3, 8] } as const;

const WRONG_OPTIONS: readonly WrongUse[] = [
  [() => sequential(wrongly({}), [flatten()]), `sequential: inputShape is missing; it must be ${SHAPE}`],
  [() => sequential({ inputShape: [] }, [flatten()]), `sequential: inputShape must be ${SHAPE}, got []`],
  [
    () => sequential({ inputShape: [4, 0] }, [flatten()]),
    `sequential: inputShape must be ${SHAPE}, got [4, 0]`,
  ],
  [
    () => sequential({ inputShape: wrongly(4) }, [flatten()]),
    `sequential: inputShape must be ${SHAPE}, got 4`,
  ],
  [
    () => sequential(wrongly({ shape: [4] }), [flatten()]),
    'sequential: unknown option "shape"; did you mean "inputShape"?',
  ],
  [
    () => sequential({ inputShape: [4], seed: -1 }, [flatten()]),
    'sequential: seed must be an integer of at least 0, got -1',
  ],
  [
    () => sequential({ inputShape: [4] }, []),
    'sequential: layers must be a list of at least one layer, got []',
  ],
  [
    () => sequential({ inputShape: [4] }, wrongly(dense({ units: 1 }))),
    'sequential: layers must be a list of at least one layer, got an object',
  ],
  [
    () => sequential({ inputShape: [4] }, [flatten(), wrongly(relu)]),
    'sequential: layers[1] is the function relu; call it: relu(...)',
  ],
  [
    () => sequential({ inputShape: [4] }, [wrongly(7)]),
    `sequential: layers[0] must be made by ${listOf(
      Object.keys(LAYER_KINDS).map((kind) => `${kind}(...)`),
      'or',
    )}, got 7`,
  ],
  [
    () => sequential({ inputShape: [4] }, wrongly(new Array(1))),
    `sequential: layers[0] must be made by ${listOf(
      Object.keys(LAYER_KINDS).map((kind) => `${kind}(...)`),
      'or',
    )}, got undefined`,
  ],
  [
    () => sequential({ inputShape: [4] }, [wrongly({ kind: 'conv2' })]),
    'sequential: layers[0] has the unknown kind "conv2"; did you mean "conv2d"?',
  ],
  [
    () => sequential({ inputShape: [4] }, [{ kind: 'dense', units: '3' }]),
    'dense: units must be an integer from 1 to 2147483647, got "3"',
  ],
  [
    () => sequential({ inputShape: [4] }, [dense({ units: 1, name: 'a' }), relu({ name: 'a' })]),
    'sequential: layers[0] and layers[1] are both named "a"; give one of them another name',
  ],
  [
    () => sequential({ inputShape: [4] }, [dense({ units: 1 }), relu({ name: 'dense_1' })]),
    'sequential: layers[0] and layers[1] are both named "dense_1"; give one of them another name',
  ],
  [
    () => sequential(image, [conv2d({ filters: 1, kernelSize: 3, strides: 4, kernel: 'winograd' })]),
    'conv2d "conv2d_1": kernel "winograd" takes a kernelSize above 1 and up to 32, strides up to kernelSize and without dilation, and any activation but softmax and logSoftmax; use "auto"',
  ],
  [
    () => sequential({ inputShape: [4] }, [dense({ units: 1 })]).plan({ mode: wrongly('training') }),
    'plan: mode must be "train" or "predict", got "training"',
  ],
];

const WRONG_SHAPES: readonly WrongUse[] = [
  [
    () => sequential(image, [conv2d({ filters: 1, kernelSize: 5, name: 'conv1' })]),
    'conv2d "conv1": kernelSize 5 does not fit the input [3, 3, 8] with padding "valid"; use padding "same" or a kernelSize up to 3',
  ],
  [
    () => sequential(image, [conv2d({ filters: 4, kernelSize: 1, groups: 3 })]),
    'conv2d "conv2d_1": groups 3 must divide the 8 input channels and the 4 filters',
  ],
  [
    () => sequential({ inputShape: [4] }, [conv2d({ filters: 1, kernelSize: 1 })]),
    `conv2d "conv2d_1": takes images [height, width, channels], got samples of shape [4]; set the model's inputShape accordingly`,
  ],
  [
    () => sequential(image, [maxPool2d({ poolSize: 4 })]),
    'maxPool2d "maxPool2d_1": poolSize 4 does not fit the input [3, 3, 8] with padding "valid"; use padding "same" or a poolSize up to 3',
  ],
  [
    () => sequential(image, [dense({ units: 1 })]),
    'dense "dense_1": takes vectors of features, got samples of shape [3, 3, 8]; put a flatten() before it',
  ],
  [
    () => sequential({ inputShape: [2, 2, 2, 2, 2, 2, 2, 2, 2] }, [dropout({ rate: 0.5 })]),
    'a shape has 9 dimensions; at most 4 are supported',
  ],
];

testErrors(test, 'INVALID_OPTION', WRONG_OPTIONS);
testErrors(test, 'SHAPE_MISMATCH', WRONG_SHAPES);
testErrors(test, 'SHAPE_TOO_LARGE', [
  [
    () => sequential({ inputShape: [2 ** 31 - 1] }, [dense({ units: 2 ** 31 - 1 })]),
    'a tensor of 2147483647 x 2147483647 elements exceeds the largest supported size of 2^48 elements',
  ],
]);
