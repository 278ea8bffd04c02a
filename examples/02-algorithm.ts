/**
 * Slide 2: several tensors at once, each with a state of its own that lasts: W (3x3) and v (3x1) of y = W x + v, by the
 * gradient of a least-squares loss. (The slide drew its gradients at random, so that they belonged to no loss.)
 *
 *   npx tsx examples/02-algorithm.ts [--short] [--seed n]
 */
import { adagrad, minimize } from 'gradloom';
import * as plot from 'gradloom/plot';
import { makeNormal, makeRandom } from './support/random.ts';
import { draw, reach, seed } from './support/system.ts';

const SIZE = 3;
const normal = makeNormal(makeRandom(seed));
const list = (count: number) => Array.from({ length: count }, () => normal());
const truth = { w: list(SIZE * SIZE), v: list(SIZE) };
const samples = Array.from({ length: 40 }, () => list(SIZE));
// Without noise, so that the least-squares solution is what the data were made with.
const targets = samples.map((x) => multiply(truth, x));

/** W x + v. */
function multiply({ w, v }: Readonly<Record<'w' | 'v', ArrayLike<number>>>, x: readonly number[]): number[] {
  return Array.from({ length: SIZE }, (_, i) =>
    x.reduce((sum, value, j) => sum + (w[i * SIZE + j] as number) * value, v[i] as number),
  );
}

/** The mean over samples of the squared distance. */
function loss(parameters: Readonly<Record<'w' | 'v', Float32Array>>) {
  const gradient = { w: new Float64Array(SIZE * SIZE), v: new Float64Array(SIZE) };
  let value = 0;
  for (const [n, x] of samples.entries()) {
    for (const [i, output] of multiply(parameters, x).entries()) {
      const error = output - (targets[n]?.[i] as number);
      value += error * error;
      gradient.v[i] = (gradient.v[i] as number) + 2 * error;
      for (const [j, input] of x.entries()) {
        gradient.w[i * SIZE + j] = (gradient.w[i * SIZE + j] as number) + 2 * error * input;
      }
    }
  }
  const mean = (sums: Float64Array) => sums.map((sum) => sum / samples.length);
  return { value: value / samples.length, gradient: { w: mean(gradient.w), v: mean(gradient.v) } };
}

const start = {
  w: { data: list(SIZE * SIZE), shape: [SIZE, SIZE] },
  v: { data: list(SIZE), shape: [SIZE, 1] },
};
const { parameters, values, value } = minimize(loss, start, {
  optimizer: adagrad({ learningRate: 1 }),
  steps: 500,
});
const distance = Math.max(
  ...truth.w.map((number, i) => Math.abs(number - (parameters.w[i] as number))),
  ...truth.v.map((number, i) => Math.abs(number - (parameters.v[i] as number))),
);
console.log(`loss from ${values[0]?.toFixed(3)} to ${value.toExponential(2)}`);
reach('largest distance from the least-squares solution', distance, 'below 0.001', distance < 1e-3);
await draw(
  '02-algorithm',
  plot.curves({ loss: values }, { yTitle: 'loss', yScale: 'log', title: 'Two tensors, AdaGrad' }),
);
