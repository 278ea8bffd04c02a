/** What holds for every gradient: fast-check looks for one that breaks it. */
import test from 'ava';
import fc from 'fast-check';
import * as optimizers from '../../lib/optimizers/index.ts';
import type { Optimizer } from '../../lib/optimizers/optimizer.ts';
import { FunctionOptimizer } from '../../lib/trainers/index.ts';

const { adagrad, adagradNorm, ftrl, proximalAdagrad, rowwiseAdagrad, sgd } = optimizers;

const value = fc.float({ min: -1000, max: 1000, noNaN: true, noDefaultInfinity: true });
/** A start and some gradients, all of one length. */
const path = fc.integer({ min: 1, max: 40 }).chain((length) => {
  const vector = fc.array(value, { minLength: length, maxLength: length });
  return fc.record({ start: vector, gradients: fc.array(vector, { minLength: 1, maxLength: 5 }) });
});

function run(optimizer: Optimizer, start: readonly number[], gradients: readonly (readonly number[])[]) {
  const function_ = new FunctionOptimizer({ x: start }, { optimizer, threads: 1 });
  const states = gradients.map((x) => {
    function_.step({ x });
    return { x: function_.parameters.x.slice(), state: function_.getState() };
  });
  return states;
}

/** As a step reads it: floats nearer to zero than the least normal one count as zero. */
const asRead = (x: number) => (Math.abs(x) < 2 ** -126 ? 0 : x);

/** Whose step is along the gradient of the step alone. */
const MONOTONE = [
  sgd({ learningRate: 0.1 }),
  adagrad({ learningRate: 0.1 }),
  adagrad({ learningRate: 0.1, initialAccumulator: 0.1, epsilon: 1e-7, epsilonPlacement: 'inside' }),
  adagradNorm({ learningRate: 0.1 }),
  rowwiseAdagrad({ learningRate: 0.1 }),
  proximalAdagrad({ learningRate: 0.1 }),
];

for (const [place, optimizer] of MONOTONE.entries()) {
  test(`${optimizer.kind}, ${place}: no weight moves against its gradient's sign`, (t) => {
    fc.assert(
      fc.property(path, ({ start, gradients }) => {
        let before = Float32Array.from(start);
        for (const [step, { x }] of run(optimizer, start, gradients).entries()) {
          const gradient = gradients[step] as readonly number[];
          const against = (now: number, i: number) =>
            Math.sign(now - asRead(before[i] as number)) * Math.sign(asRead(gradient[i] as number)) > 0;
          if (x.some(against)) return false;
          before = x;
        }
        return true;
      }),
    );
    t.pass();
  });
}

test('denormal weights and gradients count as zero, and so do denormal results', (t) => {
  const least = 2 ** -149;
  const leastNormal = 2 ** -126;
  const gradients = [least, -least, 2 ** -120, leastNormal / 2, 1.5 * leastNormal];
  const start = [least, 1, least, 0, 2 * leastNormal];
  const [{ x } = { x: [] }] = run(sgd({ learningRate: 1 }), start, [gradients]);
  t.deepEqual([...x], [0, 1, -(2 ** -120), 0, 0]);
});

test('accumulators never decrease', (t) => {
  const kinds = [
    ...MONOTONE.slice(1),
    ftrl(),
    optimizers.adagradDualAveraging(),
    optimizers.shampoo({ rootEvery: 2 }),
  ];
  fc.assert(
    fc.property(path, fc.constantFrom(...kinds), ({ start, gradients }, optimizer) => {
      let before: Float32Array | undefined;
      return run(optimizer, start, gradients).every(({ state }) => {
        const now = state['x.accumulator'] as Float32Array;
        const grew = before === undefined || now.every((s, i) => s >= (before?.[i] as number));
        before = now;
        return grew;
      });
    }),
  );
  t.pass();
});

test("AdaGrad's first step from 0 forgets the scale of each coordinate, to the bit", (t) => {
  const gradient = fc.float({ min: 10, max: 1000, noNaN: true });
  const one = fc.record({
    gradient,
    power: fc.integer({ min: -10, max: 10 }),
    start: value,
    minus: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 40 }), (elements) => {
      const start = elements.map((element) => element.start);
      const plain = elements.map((element) => (element.minus ? -1 : 1) * element.gradient);
      const scaled = plain.map((g, i) => g * 2 ** (elements[i]?.power ?? 0));
      const [a] = run(adagrad({ learningRate: 0.1 }), start, [plain]);
      const [b] = run(adagrad({ learningRate: 0.1 }), start, [scaled]);
      return Buffer.from(a?.x.buffer as ArrayBuffer).equals(Buffer.from(b?.x.buffer as ArrayBuffer));
    }),
  );
  t.pass();
});

test('permuted parameters give permuted results, for every rule that works element by element', (t) => {
  const kinds = Object.entries(optimizers)
    .filter(([kind]) => kind !== 'adagradNorm')
    .map(([, make]) => make({}));
  fc.assert(
    fc.property(path, fc.constantFrom(...kinds), fc.nat(), ({ start, gradients }, optimizer, turn) => {
      const { length } = start;
      const order = start.map((_, i) => (i * (turn % 2 === 0 ? 1 : length - 1) + turn) % length);
      const permute = (values: readonly number[]) => order.map((i) => values[i] as number);
      const plain = run(optimizer, start, gradients);
      const permuted = run(optimizer, permute(start), gradients.map(permute));
      return plain.every(({ x }, step) =>
        order.every((from, to) => Object.is(permuted[step]?.x[to], x[from])),
      );
    }),
  );
  t.pass();
});
