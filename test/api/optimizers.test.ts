import test from 'ava';
import { adagrad, sgd } from '../../lib/optimizers/index.ts';
import { makeOptimizer } from '../../lib/optimizers/make-optimizer.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

test("defaults are PyTorch's", (t) => {
  t.deepEqual(adagrad(), {
    kind: 'adagrad',
    learningRate: 0.01,
    learningRateDecay: 0,
    weightDecay: 0,
    weightDecayMode: 'coupled',
    initialAccumulator: 0,
    epsilon: 1e-10,
    epsilonPlacement: 'outside',
    direction: 'minimize',
  });
  t.deepEqual(sgd(), {
    kind: 'sgd',
    learningRate: 0.001,
    momentum: 0,
    dampening: 0,
    nesterov: false,
    weightDecay: 0,
    direction: 'minimize',
  });
  t.true(Object.isFrozen(adagrad()));
});

test('an optimizer is made anew from its description', (t) => {
  const optimizer = sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true });
  t.deepEqual(makeOptimizer('Trainer', JSON.parse(JSON.stringify(optimizer))), optimizer);
});

const AT_LEAST_0 = 'must be a finite number of at least 0';

const WRONG: readonly WrongUse[] = [
  [() => adagrad({ learningRate: -1 }), `adagrad: learningRate ${AT_LEAST_0}, got -1`],
  [
    () => adagrad({ learningRate: Number.POSITIVE_INFINITY }),
    `adagrad: learningRate ${AT_LEAST_0}, got Infinity`,
  ],
  [() => adagrad({ learningRate: 1e39 }), `adagrad: learningRate ${AT_LEAST_0}, got 1e+39`],
  [() => adagrad({ learningRate: wrongly('0.1') }), `adagrad: learningRate ${AT_LEAST_0}, got "0.1"`],
  [
    () => adagrad(wrongly({ lr: 0.1 })),
    'adagrad: unknown option "lr"; there are learningRate, learningRateDecay, weightDecay, weightDecayMode, initialAccumulator, epsilon, epsilonPlacement and direction',
  ],
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
    () => makeOptimizer('Trainer', 'adam'),
    'Trainer: optimizer has the unknown kind "adam"; there are adagrad and sgd',
  ],
  [
    () => makeOptimizer('Trainer', null),
    'Trainer: optimizer must be made by adagrad(...) or sgd(...), got null',
  ],
  [
    () => makeOptimizer('Trainer', { kind: 'constructor' }),
    'Trainer: optimizer has the unknown kind "constructor"; there are adagrad and sgd',
  ],
  [
    () => makeOptimizer('Trainer', { kind: 'sgd', lr: 1 }),
    'sgd: unknown option "lr"; there are learningRate, momentum, dampening, nesterov, weightDecay and direction',
  ],
];

testErrors(test, 'INVALID_OPTION', WRONG);

test('epsilon 0 is fine above an accumulator', (t) => {
  t.is(adagrad({ epsilon: 0, initialAccumulator: 0.1 }).epsilon, 0);
});
