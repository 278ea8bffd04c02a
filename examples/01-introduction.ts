/**
 * Slide 1: AdaGrad on a bowl, the sum of squares, from (5, -3). The slide forgot its state at every call, which makes it
 * descent by signs, and started at the minimum, where nothing shows that.
 *
 *   npx tsx examples/01-introduction.ts [--short]
 */
import { adagrad, minimize } from 'gradloom';
import * as plot from 'gradloom/plot';
import { draw, reach } from './support/system.ts';

const bowl = ({ x }: { readonly x: Float32Array }) => ({
  value: x.reduce((sum, value) => sum + value * value, 0),
  gradient: { x: x.map((value) => 2 * value) },
});

/** Every step costs microseconds: there is no shorter form. */
function descend(learningRate: number) {
  const path: [number, number][] = [[5, -3]];
  const result = minimize(
    bowl,
    { x: [5, -3] },
    {
      optimizer: adagrad({ learningRate }),
      steps: 1000,
      onStep: ({ optimizer }) => {
        const [x = 0, y = 0] = optimizer.parameters.x;
        path.push([x, y]);
      },
    },
  );
  const [x = 0, y = 0] = result.parameters.x;
  console.log(
    `rate ${learningRate}: (${x.toFixed(3)}, ${y.toFixed(3)}), value ${result.value.toExponential(2)}`,
  );
  return { path, x, y, value: result.value, values: result.values };
}

const slow = descend(0.1);
const fast = descend(0.5);
const end = `(${slow.x.toFixed(3)}, ${slow.y.toFixed(3)})`;
reach('rate 0.1 ends at', end, '(0.690, -0.032)', end === '(0.690, -0.032)');
reach('rate 0.5 ends at a value of', fast.value, 'about 1.6e-27', fast.value < 1e-24);

const paths = { 'rate 0.1': slow.path, 'rate 0.5': fast.path };
await draw(
  '01-paths',
  plot.paths(paths, { of: (x, y) => x * x + y * y, title: 'AdaGrad on a bowl, 1,000 steps' }),
);
const values = { 'rate 0.1': slow.values, 'rate 0.5': fast.values };
await draw('01-values', plot.curves(values, { yTitle: 'value', yScale: 'log', title: 'The value by step' }));
