import test from 'ava';
import {
  adagrad,
  adagradNorm,
  adam,
  ftrl,
  rmsprop,
  rowwiseAdagrad,
  sgd,
  shampoo,
} from '../../lib/optimizers/index.ts';
import { stepDecay } from '../../lib/schedules/index.ts';
import { FunctionOptimizer, minimize } from '../../lib/trainers/index.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

const bowl = ({ x }: { readonly x: Float32Array }) => ({
  value: x.reduce((sum, value) => sum + value * value, 0),
  gradient: { x: x.map((value) => 2 * value) },
});

test('AdaGrad on a sum of squares from (5, -3): where 1,000 steps of float64 end', (t) => {
  // The same in plain float64.
  const expected = [5, -3].map((start) => {
    let w = start;
    let s = 0;
    for (let step = 0; step < 1000; step++) {
      const g = 2 * w;
      s += g * g;
      w -= (0.1 * g) / (Math.sqrt(s) + 1e-10);
    }
    return w;
  });
  const { parameters, value, values, steps, reason } = minimize(
    bowl,
    { x: [5, -3] },
    { optimizer: adagrad({ learningRate: 0.1 }), steps: 1000 },
  );
  t.true(Math.abs((parameters.x[0] as number) - (expected[0] as number)) < 1e-5);
  t.true(Math.abs((parameters.x[1] as number) - (expected[1] as number)) < 1e-5);
  t.is(steps, 1000);
  t.is(reason, 'steps');
  t.is(values.length, 1001);
  t.is(values[0], 34);
  t.is(values[1000], value);
  const fast = minimize(bowl, { x: [5, -3] }, { optimizer: adagrad({ learningRate: 0.5 }), steps: 1000 });
  t.true(fast.value < 1e-20);
});

test('every optimizer comes near the least-squares solution of several tensors', (t) => {
  // y = a b + c with rows of a known; the solution is the b and c that y was made with.
  const rows = Array.from({ length: 12 }, (_, i) => [Math.sin(3 * i), Math.cos(5 * i), Math.sin(i * i)]);
  const truth = { b: [1, -2, 0.5], c: 0.3 };
  const targets = rows.map((row) => row.reduce((sum, a, j) => sum + a * (truth.b[j] as number), truth.c));
  const compute = ({ b, c }: { readonly b: Float32Array; readonly c: Float32Array }) => {
    const errors = rows.map(
      (row, i) =>
        row.reduce((sum, a, j) => sum + a * (b[j] as number), c[0] as number) - (targets[i] as number),
    );
    return {
      value: errors.reduce((sum, e) => sum + e * e, 0) / rows.length,
      gradient: {
        b: [0, 1, 2].map(
          (j) =>
            (2 / rows.length) *
            rows.reduce((sum, row, i) => sum + (row[j] as number) * (errors[i] as number), 0),
        ),
        c: [(2 / rows.length) * errors.reduce((sum, e) => sum + e, 0)],
      },
    };
  };
  const cases = [
    sgd({ learningRate: 0.3, momentum: 0.5 }),
    adagrad({ learningRate: 0.5 }),
    adagradNorm({ learningRate: 2 }),
    rowwiseAdagrad({ learningRate: 0.5 }),
    rmsprop({ learningRate: stepDecay({ from: 0.05, every: 300 }) }),
    adam({ learningRate: 0.05 }),
    ftrl({ learningRate: 0.5 }),
    shampoo({ learningRate: 0.5, rootEvery: 5 }),
  ];
  for (const optimizer of cases) {
    const { parameters } = minimize(
      compute,
      { b: { data: [0, 0, 0], shape: [3, 1] }, c: [0] },
      { optimizer, steps: 1500 },
    );
    const off = Math.max(
      ...truth.b.map((value, j) => Math.abs(value - (parameters.b[j] as number))),
      Math.abs(truth.c - (parameters.c[0] as number)),
    );
    t.true(off < 0.02, `${optimizer.kind} is off by ${off}`);
  }
});

test('state and effective rates are those of the rule', (t) => {
  const optimizer = new FunctionOptimizer({ x: [1, 1] }, { optimizer: adagrad({ learningRate: 0.5 }) });
  optimizer.step({ x: [3, 0] });
  optimizer.step({ x: [4, 1] });
  t.is(optimizer.steps, 2);
  t.deepEqual([...(optimizer.getState()['x.accumulator'] as Float32Array)], [25, 1]);
  t.deepEqual([...optimizer.getEffectiveLearningRates().x], [0.1, 0.5].map(Math.fround));
});

test('rare features keep high rates: after 10,000 steps rates are as the root of 1 / frequency', (t) => {
  const frequencies = [1, 0.1, 0.01];
  const optimizer = new FunctionOptimizer({ w: [0, 0, 0] }, { optimizer: adagrad({ learningRate: 0.1 }) });
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  for (let step = 0; step < 10_000; step++) {
    optimizer.step({ w: frequencies.map((p) => (random() < p ? (random() < 0.5 ? -1 : 1) : 0)) });
  }
  const { w } = optimizer.getEffectiveLearningRates();
  const ratios = Array.from(w, (rate) => rate / (w[0] as number));
  t.true(Math.abs((ratios[1] as number) / Math.sqrt(10) - 1) < 0.1, `${ratios}`);
  t.true(Math.abs((ratios[2] as number) / 10 - 1) < 0.15, `${ratios}`);
});

test('groups, clipping, a tolerance and onStep', (t) => {
  const grouped = new FunctionOptimizer(
    { a: [1], b: [1] },
    {
      optimizer: sgd({ learningRate: 1, groups: [{ parameters: 'b', learningRateMultiplier: 0.25 }] }),
      clipGradients: { by: 'value', limit: 0.5 },
    },
  );
  grouped.step({ a: [4], b: [-4] });
  t.is(grouped.parameters.a[0], 0.5);
  t.is(grouped.parameters.b[0], 1.125);
  const near = minimize(
    bowl,
    { x: [1] },
    { optimizer: sgd({ learningRate: 0.25 }), steps: 1000, gradientTolerance: 1e-3 },
  );
  t.is(near.reason, 'gradient');
  t.true(near.value < 1e-6 && near.steps < 15);
  const seen: number[] = [];
  const stopped = minimize(
    bowl,
    { x: [1] },
    {
      optimizer: sgd({ learningRate: 0.25 }),
      steps: 9,
      onStep: ({ step, value }) => seen.push(value) < 3 || step < 3,
    },
  );
  t.is(stopped.reason, 'stopped');
  t.deepEqual(seen, [1, 0.25, 0.0625]);
});

test('what is wrong changes nothing', (t) => {
  const optimizer = new FunctionOptimizer({ x: [1, 2] }, { optimizer: adagrad() });
  t.throws(() => optimizer.step({ x: [Number.NaN, 1] }), {
    code: 'NOT_FINITE',
    message: 'step: the gradient of "x" is not finite at step 1; nothing was changed',
  });
  t.throws(() => optimizer.step({ x: [1] }), {
    code: 'SHAPE_MISMATCH',
    message: 'step: the gradient of "x" must have 2 values as the parameter, got 1 values',
  });
  t.deepEqual([...optimizer.parameters.x], [1, 2]);
  t.is(optimizer.steps, 0);
  t.throws(
    () =>
      minimize(
        () => ({ value: Number.NaN, gradient: { x: [1] } }),
        { x: [1] },
        { optimizer: sgd(), steps: 1 },
      ),
    { code: 'NOT_FINITE', message: 'minimize: the function must give a finite value, got NaN at step 1' },
  );
});

const options = { optimizer: adagrad() };
const WRONG: readonly WrongUse[] = [
  [
    () => new FunctionOptimizer({}, options),
    'FunctionOptimizer: parameters must be an object of arrays such as { x: [5, -3] }, got an object',
  ],
  [
    () => new FunctionOptimizer({ x: wrongly('5') }, options),
    'FunctionOptimizer: parameter "x" must be a list of finite numbers, or { data, shape }, got "5"',
  ],
  [
    () => new FunctionOptimizer({ x: [1] }, options).step(wrongly({ x: [1], y: [1] })),
    'step: there is no parameter "y"; there are x',
  ],
  [
    () => minimize(bowl, { x: [1] }, wrongly({ ...options })),
    'minimize: steps is missing; it must be an integer from 1 to 2147483647',
  ],
  [
    () =>
      new FunctionOptimizer(
        { x: [1] },
        { optimizer: sgd({ groups: [{ parameters: 'z', learningRateMultiplier: 1 }] }) },
      ),
    'FunctionOptimizer: a group of the optimizer names "z", but there is no such parameter; there are x',
  ],
];

testErrors(test, 'INVALID_OPTION', WRONG);
