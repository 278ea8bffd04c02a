import test from 'ava';
import * as optimizers from '../../lib/optimizers/index.ts';
import { adagrad, adagradDualAveraging, adam, adamW, ftrl, sgd } from '../../lib/optimizers/index.ts';
import { makeOptimizer } from '../../lib/optimizers/make-optimizer.ts';
import { cosineDecay, warmUp } from '../../lib/schedules/index.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

const COMMON = { direction: 'minimize', groups: [] };

test("defaults are PyTorch's, where PyTorch has the rule", (t) => {
  t.deepEqual(adagrad(), {
    kind: 'adagrad',
    learningRate: 0.01,
    learningRateDecay: 0,
    weightDecay: 0,
    weightDecayMode: 'coupled',
    initialAccumulator: 0,
    epsilon: 1e-10,
    epsilonPlacement: 'outside',
    duplicates: 'sum',
    ...COMMON,
  });
  t.deepEqual(sgd(), {
    kind: 'sgd',
    learningRate: 0.001,
    momentum: 0,
    dampening: 0,
    nesterov: false,
    weightDecay: 0,
    duplicates: 'sum',
    ...COMMON,
  });
  const moments = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, amsgrad: false };
  t.deepEqual(adam(), { kind: 'adam', learningRate: 0.001, ...moments, weightDecay: 0, ...COMMON });
  t.deepEqual(adamW(), { kind: 'adamW', learningRate: 0.001, ...moments, weightDecay: 0.01, ...COMMON });
  t.deepEqual(optimizers.rmsprop(), {
    kind: 'rmsprop',
    learningRate: 0.01,
    smoothing: 0.99,
    epsilon: 1e-8,
    momentum: 0,
    centered: false,
    weightDecay: 0,
    ...COMMON,
  });
  t.deepEqual(optimizers.adadelta(), {
    kind: 'adadelta',
    learningRate: 1,
    smoothing: 0.9,
    epsilon: 1e-6,
    weightDecay: 0,
    ...COMMON,
  });
});

test('every optimizer is frozen and made anew from its description', (t) => {
  for (const [kind, make] of Object.entries(optimizers)) {
    const optimizer = make({});
    t.is(optimizer.kind, kind);
    t.true(Object.isFrozen(optimizer));
    t.deepEqual(makeOptimizer('Trainer', JSON.parse(JSON.stringify(optimizer))), optimizer);
  }
  const optimizer = sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true });
  t.deepEqual(makeOptimizer('Trainer', JSON.parse(JSON.stringify(optimizer))), optimizer);
});

test('a schedule is saved with its optimizer and gives the same rates', (t) => {
  const into = cosineDecay({ from: 0.1, to: 0.01, steps: 100 });
  const optimizer = adagrad({ learningRate: warmUp({ steps: 10, into }) });
  const copy = makeOptimizer('Trainer', JSON.parse(JSON.stringify(optimizer)));
  const rates = [optimizer, copy].map(({ learningRate }) =>
    typeof learningRate === 'number' ? [] : [0, 3, 10, 40, 1000].map((step) => learningRate.at(step)),
  );
  t.deepEqual(rates[1], rates[0] as number[]);
  t.is(rates[0]?.[4], 0.01);
});

const A_RATE =
  'must be a finite number of at least 0, a schedule such as cosineDecay(...), or a function of the step';
const ALL =
  'adadelta, adagrad, adagradDualAveraging, adagradNorm, adam, adamW, ftrl, proximalAdagrad, rmsprop, rowwiseAdagrad, sgd and shampoo';

const WRONG: readonly WrongUse[] = [
  [() => adagrad({ learningRate: -1 }), `adagrad: learningRate ${A_RATE}, got -1`],
  [
    () => adagrad({ learningRate: Number.POSITIVE_INFINITY }),
    `adagrad: learningRate ${A_RATE}, got Infinity`,
  ],
  [() => adagrad({ learningRate: 1e39 }), `adagrad: learningRate ${A_RATE}, got 1e+39`],
  [() => adagrad({ learningRate: wrongly([0.1, 0.2]) }), `adagrad: learningRate ${A_RATE}, got [0.1, 0.2]`],
  [() => adagrad({ learningRate: wrongly('0.1') }), `adagrad: learningRate ${A_RATE}, got "0.1"`],
  [() => adagrad(wrongly({ lr: 0.1 })), 'adagrad: unknown option "lr"; did you mean "learningRate"?'],
  [
    () => adagrad(wrongly({ learningrate: 0.1 })),
    'adagrad: unknown option "learningrate"; did you mean "learningRate"?',
  ],
  [
    () => adagrad(wrongly({ initialAccumulatorValue: 0.1 })),
    'adagrad: unknown option "initialAccumulatorValue"; did you mean "initialAccumulator"?',
  ],
  [
    () => adagrad({ weightDecayMode: wrongly('l2') }),
    'adagrad: weightDecayMode must be "coupled" or "decoupled", got "l2"',
  ],
  [
    () => adagrad({ epsilon: 0 }),
    'adagrad: epsilon 0 divides 0 by 0 where a gradient is 0; use an epsilon above 0 or an initialAccumulator above 0',
  ],
  [
    () => adagrad({ epsilon: 1e-50, initialAccumulator: 1e-50 }),
    'adagrad: epsilon 0 divides 0 by 0 where a gradient is 0; use an epsilon above 0 or an initialAccumulator above 0',
  ],
  [
    () => adagrad({ epsilon: 1e-40, initialAccumulator: 1e-40 }),
    'adagrad: epsilon 0 divides 0 by 0 where a gradient is 0; use an epsilon above 0 or an initialAccumulator above 0',
  ],
  [() => adam({ epsilon: 1e-40 }), 'adam: epsilon must be a finite number of at least 1.2e-38, got 1e-40'],
  [
    () => optimizers.adagradNorm({ initialNorm: 1e-20 }),
    'adagradNorm: initialNorm must be a finite number of at least 1.1e-19, got 1e-20',
  ],
  [() => sgd({ nesterov: true }), 'sgd: nesterov needs a momentum above 0 and a dampening of 0, got 0 and 0'],
  [
    () => sgd({ nesterov: true, momentum: 0.9, dampening: 0.5 }),
    'sgd: nesterov needs a momentum above 0 and a dampening of 0, got 0.9 and 0.5',
  ],
  [() => sgd({ nesterov: wrongly(1) }), 'sgd: nesterov must be true or false, got 1'],
  [() => sgd({ direction: wrongly('max') }), 'sgd: direction must be "minimize" or "maximize", got "max"'],
  [
    () => makeOptimizer('Trainer', adagrad),
    'Trainer: optimizer is the function adagrad; call it: adagrad(...)',
  ],
  [
    () => makeOptimizer('Trainer', 'adamm'),
    'Trainer: optimizer has the unknown kind "adamm"; did you mean "adam"?',
  ],
  [
    () => makeOptimizer('Trainer', null),
    `Trainer: optimizer must be made by ${ALL.replace(' and ', ', ')
      .replaceAll(', ', '(...), ')
      .replace(/, (\w+)$/, ' or $1(...)')}, got null`,
  ],
  [
    () => makeOptimizer('Trainer', { kind: 'constructor' }),
    `Trainer: optimizer has the unknown kind "constructor"; there are ${ALL}`,
  ],
  [
    () => makeOptimizer('Trainer', { kind: 'sgd', lr: 1 }),
    'sgd: unknown option "lr"; did you mean "learningRate"?',
  ],
  [
    () => ftrl({ learningRate: wrongly(cosineDecay({ from: 0.1, steps: 10 })) }),
    'ftrl: learningRate must be a finite number of at least 1.2e-38, got an object',
  ],
  [
    () => ftrl({ groups: [{ parameters: '*.bias', weightDecay: 0 }] }),
    'ftrl: a group sets weightDecay, which ftrl does not have; leave it out',
  ],
  [
    () => sgd({ groups: [wrongly({ learningRateMultiplier: 2 })] }),
    'groups[0]: parameters is missing; it must be a name such as "dense_1.weight", a pattern such as "*.bias", or a list of them',
  ],
  [
    () => sgd({ groups: wrongly({ parameters: '*' }) }),
    "sgd: groups must be a list of groups such as [{ parameters: '*.bias', weightDecay: 0 }], got an object",
  ],
  [
    () => adagradDualAveraging({ initialAccumulator: 0 }),
    'adagradDualAveraging: initialAccumulator must be a finite number of at least 1.2e-38, got 0',
  ],
  [() => adam({ beta1: 1 }), 'adam: beta1 must be a number of at least 0 and below 1, got 1'],
  [
    () => makeOptimizer('Trainer', { kind: 'sgd', learningRate: { kind: 'custom' } }),
    'Trainer: the learning rate was a function, which no file holds; give it again as the option learningRate',
  ],
  [
    () => makeOptimizer('Trainer', { kind: 'sgd', learningRate: { kind: 'cosine', from: 1 } }),
    'Trainer: learningRate has the unknown kind "cosine"; there are cosineDecay, exponentialDecay, multiStepDecay, oneCycle, polynomialDecay, stepDecay and warmUp',
  ],
];

testErrors(test, 'INVALID_OPTION', WRONG);

test('epsilon 0 is fine above an accumulator', (t) => {
  t.is(adagrad({ epsilon: 0, initialAccumulator: 0.1 }).epsilon, 0);
});
