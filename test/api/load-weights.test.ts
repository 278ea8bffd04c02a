import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { encodeSafetensors } from '../../lib/formats/safetensors.ts';
import type { Tensor } from '../../lib/formats/tensor.ts';
import { adagrad, dense, fromArrays, relu, sequential, sgd, Trainer } from '../../lib/index.ts';
import { testErrors, wrongly } from './errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'gradloom-'));

/** Dense layers of 3, 4 and `outputs` units behind 2 inputs. */
const make = (seed: number, outputs = 2) =>
  sequential({ inputShape: [2], seed }, [
    dense({ units: 3, name: 'first', biasInitializer: 'glorotUniform' }),
    relu(),
    dense({ units: 4, name: 'middle' }),
    dense({ units: outputs, name: 'end' }),
  ]);

const ALL = ['first.weight', 'first.bias', 'middle.weight', 'middle.bias', 'end.weight', 'end.bias'];
const NOTHING = { missing: [], unexpected: [], mismatched: [] };
const END = [
  { name: 'end.weight', shape: [5, 4], expected: [2, 4] },
  { name: 'end.bias', shape: [5], expected: [2] },
];

test('all weights of an equal model, from an object and from its file', async (t) => {
  const source = make(1);
  const path = join(folder, 'model.safetensors');
  await source.save(path);
  for (const from of [source.getWeights(), path]) {
    const model = make(2);
    t.deepEqual(await model.loadWeights(from), { loaded: ALL, ...NOTHING });
    t.deepEqual(model.getWeights(), source.getWeights());
  }
});

test('of a checkpoint the weights, not the state of the optimizer', async (t) => {
  const source = make(1);
  const trainer = new Trainer(source, { optimizer: adagrad(), loss: 'softmaxCrossEntropy' });
  await trainer.fit(fromArrays({ inputs: [[1, 2]], inputShape: [2], labels: [1] }));
  const path = join(folder, 'checkpoint.safetensors');
  await trainer.save(path);
  const model = make(2);
  t.deepEqual(await model.loadWeights(path), { loaded: ALL, ...NOTHING });
  t.deepEqual(model.getWeights(), source.getWeights());
});

test('strict: anything that does not fit is an error with all of it, and nothing changes', async (t) => {
  const model = make(2);
  const before = model.getWeights();
  const { 'first.bias': extra, ...others } = make(1, 5).getWeights();
  const error = await t.throwsAsync(model.loadWeights({ ...others, 'first.offset': extra as never }), {
    code: 'SHAPE_MISMATCH',
  });
  t.is(
    error?.message,
    [
      'loadWeights: the weights do not fit the model, nothing was changed; mend names with rename, choose with match, or load what fits with strict: false',
      '  missing: first.bias',
      '  unexpected: first.offset',
      '  mismatched: end.weight has shape [5, 4], the model needs [2, 4]',
      '  mismatched: end.bias has shape [5], the model needs [2]',
    ].join('\n'),
  );
  await t.throwsAsync(model.loadWeights(others, { match: /^(first|middle)/ }), {
    code: 'INVALID_DATA',
    message: /\n {2}missing: first\.bias$/,
  });
  t.deepEqual(model.getWeights(), before);
});

test('not strict: what fits is loaded, the rest stays and is reported', async (t) => {
  const model = make(2);
  const before = model.getWeights();
  const source = make(1, 5).getWeights();
  const { 'first.bias': extra, ...others } = source;
  const report = await model.loadWeights({ ...others, 'first.offset': extra as never }, { strict: false });
  t.deepEqual(report, {
    loaded: ['first.weight', 'middle.weight', 'middle.bias'],
    missing: ['first.bias'],
    unexpected: ['first.offset'],
    mismatched: END,
  });
  const after = model.getWeights();
  for (const name of ALL)
    t.deepEqual(after[name], (report.loaded.includes(name) ? source : before)[name], name);
});

test('match: only some take part', async (t) => {
  const source = make(1, 5);
  for (const match of [/^(first|middle)\./g, (name: string) => !name.startsWith('end.')]) {
    const model = make(2);
    t.deepEqual(await model.loadWeights(source.getWeights(), { match }), {
      loaded: ALL.slice(0, 4),
      ...NOTHING,
    });
    t.deepEqual(model.getWeights()['middle.weight'], source.getWeights()['middle.weight']);
  }
});

test('rename: by a tensor, by a layer, by a function that leaves some out', async (t) => {
  const source = make(1);
  const {
    'first.weight': weight,
    'first.bias': bias,
    'middle.weight': middle,
    ...others
  } = source.getWeights();
  const given = {
    ...others,
    'net.0.weight': weight as never,
    'net.0.bias': bias as never,
    kernel: middle as never,
    steps: bias as never,
  };
  const model = make(2);
  const report = await model.loadWeights(given, {
    rename: { 'net.0': 'first', kernel: 'middle.weight' },
    strict: false,
  });
  t.deepEqual(report, { ...NOTHING, loaded: ALL, unexpected: ['steps'] });
  t.deepEqual(model.getWeights(), source.getWeights());

  const other = make(3);
  const rename = (name: string) =>
    name === 'steps' ? undefined : name.replace('net.0', 'first').replace('kernel', 'middle.weight');
  t.deepEqual(await other.loadWeights(given, { rename }), { loaded: ALL, ...NOTHING });
  t.deepEqual(other.getWeights(), source.getWeights());
});

test('files of other programs: float64 is rounded, float16 and bfloat16 are exact', async (t) => {
  const path = join(folder, 'other.safetensors');
  const model = sequential({ inputShape: [2] }, [
    dense({ units: 4, name: 'a' }),
    dense({ units: 7, name: 'b' }),
  ]);
  // 1, -2, 65504, the least subnormal, 2^-14, -0, infinity as float16.
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x8000, 0x7c00);
  const tensors: [string, Tensor][] = [
    ['a.weight', { dtype: 'F64', shape: [4, 2], data: Float64Array.of(0.1, 1, 2, 3, 4, 5, 6, 1e-50) }],
    ['a.bias', { dtype: 'BF16', shape: [4], data: Uint16Array.of(0x3f80, 0xc049, 0x0001, 0x7f80) }],
    ['b.weight', { dtype: 'F32', shape: [7, 4], data: new Float32Array(28) }],
    ['b.bias', { dtype: 'F16', shape: [7], data: halves }],
  ];
  writeFileSync(path, encodeSafetensors(tensors));
  await model.loadWeights(path);
  const { 'a.weight': weight, 'a.bias': bias, 'b.bias': half } = model.getWeights();
  t.deepEqual(weight?.data, Float32Array.of(0.1, 1, 2, 3, 4, 5, 6, 0));
  t.deepEqual(bias?.data, Float32Array.of(1, -3.140625, 2 ** -133, Number.POSITIVE_INFINITY));
  t.deepEqual(half?.data, Float32Array.of(1, -2, 65504, 2 ** -24, 2 ** -14, -0, Number.POSITIVE_INFINITY));

  const integers: [string, Tensor][] = [['a.bias', { dtype: 'I32', shape: [4], data: new Int32Array(4) }]];
  writeFileSync(path, encodeSafetensors(integers));
  const before = model.getWeights();
  await t.throwsAsync(model.loadWeights(path, { strict: false }), {
    code: 'INVALID_DATA',
    message: 'loadWeights: tensor "a.bias" has dtype I32, expected F32, F64, F16 or BF16',
  });
  t.deepEqual(model.getWeights(), before);
});

test('not while the model trains', async (t) => {
  const model = make(1);
  const set = fromArrays({ inputs: [[1, 2]], inputShape: [2], labels: [1] });
  await new Trainer(model, { optimizer: sgd(), loss: 'softmaxCrossEntropy' }).fit(set, {
    onEpochEnd: () => t.throwsAsync(model.loadWeights(make(2).getWeights()), { code: 'MODEL_BUSY' }),
  });
  await model.loadWeights(make(2).getWeights());
});

const weights = make(1).getWeights();
testErrors(test, 'INVALID_OPTION', [
  [
    () => make(1).loadWeights(wrongly([])),
    'loadWeights: give a path or an object such as getWeights() gives, got []',
  ],
  [
    () => make(1).loadWeights(weights, wrongly({ strikt: true })),
    'loadWeights: unknown option "strikt"; did you mean "strict"?',
  ],
  [
    () => make(1).loadWeights(weights, { match: wrongly('first') }),
    'loadWeights: match must be a regular expression or a function, got "first"',
  ],
  [
    () => make(1).loadWeights(weights, { rename: { frist: 'middle' } }),
    'loadWeights: rename has "frist", which is no tensor or layer of the source; there are first.weight, first.bias, middle.weight, middle.bias, end.weight and end.bias',
  ],
  [
    () => make(1).loadWeights(weights, { rename: { first: 'middle' } }),
    'loadWeights: "first.weight" and "middle.weight" are both to be "middle.weight"; rename one of them otherwise',
  ],
]);
testErrors(test, 'INVALID_DATA', [
  [
    () => make(1).loadWeights({ 'first.bias': wrongly({ data: new Float32Array(4), shape: [3] }) }),
    'loadWeights: first.bias must be { data: Float32Array, shape } with as many values as its shape says, got an object',
  ],
]);
testErrors(test, 'FILE_NOT_FOUND', [
  [() => make(1).loadWeights('/nowhere'), '/nowhere: there is no such file; check the path'],
]);
