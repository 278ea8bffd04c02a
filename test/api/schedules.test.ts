import test from 'ava';
import {
  cosineDecay,
  exponentialDecay,
  multiStepDecay,
  oneCycle,
  polynomialDecay,
  stepDecay,
  warmUp,
} from '../../lib/schedules/index.ts';
import { ratesOf, type Schedule } from '../../lib/schedules/schedule.ts';
import { testErrors, type WrongUse, wrongly } from './errors.ts';

function check(
  schedule: Schedule,
  expected: Readonly<Record<number, number>>,
): (t: { true: (v: boolean, m?: string) => void }) => void {
  return (t) => {
    for (const [step, rate] of Object.entries(expected)) {
      const got = schedule.at(Number(step));
      t.true(Math.abs(got - rate) <= 1e-12, `step ${step}: got ${got}, expected ${rate}`);
    }
  };
}

test('stepDecay', check(stepDecay({ from: 1, every: 10, factor: 0.5 }), { 0: 1, 9: 1, 10: 0.5, 25: 0.25 }));
test(
  'multiStepDecay',
  check(multiStepDecay({ from: 1, milestones: [5, 7] }), { 4: 1, 5: 0.1, 6: 0.1, 7: 0.01, 99: 0.01 }),
);
test(
  'exponentialDecay',
  check(exponentialDecay({ from: 2, factor: 0.25, every: 4 }), { 0: 2, 2: 1, 4: 0.5, 8: 0.125 }),
);
test(
  'polynomialDecay',
  check(polynomialDecay({ from: 1, to: 0.2, steps: 4, power: 2 }), { 0: 1, 2: 0.4, 4: 0.2, 9: 0.2 }),
);
test(
  'cosineDecay holds its last rate',
  check(cosineDecay({ from: 1, to: 0.5, steps: 4 }), { 0: 1, 2: 0.75, 4: 0.5, 5: 0.5 }),
);
test(
  'warmUp to a number',
  check(warmUp({ steps: 4, startFactor: 0.2, into: 10 }), { 0: 2, 2: 6, 4: 10, 99: 10 }),
);
test(
  'warmUp to a schedule, whose steps count from there',
  check(warmUp({ steps: 2, into: stepDecay({ from: 1, every: 3, factor: 0.5 }) }), {
    0: 0,
    1: 0.5,
    2: 1,
    4: 1,
    5: 0.5,
  }),
);
// Values of torch.optim.lr_scheduler.OneCycleLR(max_lr=0.1, total_steps=10, pct_start=0.4), PyTorch 2.6.
test(
  'oneCycle',
  check(oneCycle({ peak: 0.1, steps: 10, riseShare: 0.4 }), {
    0: 0.0040000000000000036,
    1: 0.027999999999999997,
    2: 0.076,
    3: 0.1,
    4: 0.09330129698414119,
    5: 0.0750001,
    6: 0.0500002,
    7: 0.025000300000000013,
    8: 0.006699103015858823,
    9: 4e-7,
  }),
);

test('a function of the step', (t) => {
  t.deepEqual([...ratesOf({ kind: 'custom', at: (step) => 1 / (step + 1) }, 1, 3)], [1 / 2, 1 / 3, 1 / 4]);
});

test('schedules are plain frozen data', (t) => {
  const schedule = cosineDecay({ from: 1, steps: 4 });
  t.deepEqual(JSON.parse(JSON.stringify(schedule)), { kind: 'cosineDecay', from: 1, to: 0, steps: 4 });
  t.true(Object.isFrozen(schedule));
});

const WRONG: readonly WrongUse[] = [
  [
    () => cosineDecay(wrongly({ from: 1 })),
    'cosineDecay: steps is missing; it must be an integer from 1 to 2147483647',
  ],
  [
    () => stepDecay(wrongly({ from: 1, step: 2 })),
    'stepDecay: unknown option "step"; there are from, every and factor',
  ],
  [
    () => multiStepDecay({ from: 1, milestones: [0.5] }),
    'multiStepDecay: milestones must be a list of steps, such as [1000, 2000], got [0.5]',
  ],
  [
    () => ratesOf({ kind: 'custom', at: (step) => 3 - step }, 0, 5),
    'learningRate: the schedule must give a finite number of at least 0, got -1 for step 4',
  ],
  [
    () => ratesOf({ kind: 'custom', at: () => Number.NaN }, 7, 1),
    'learningRate: the schedule must give a finite number of at least 0, got NaN for step 7',
  ],
];

testErrors(test, 'INVALID_OPTION', WRONG);
