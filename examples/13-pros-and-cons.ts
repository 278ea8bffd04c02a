/**
 * Slide 13: what AdaGrad does, in one run: weights, their accumulators and the rates that follow, all of the same steps. (The
 * slide drew its rates from other noise than its weights.) The pros are in 03 and 05, the cons in 09.
 *
 *   npx tsx examples/13-pros-and-cons.ts [--short] [--seed n]
 */
import { adagrad, minimize } from 'gradloom';
import * as plot from 'gradloom/plot';
import { makeNormal, makeRandom } from './support/random.ts';
import { draw, reach, seed } from './support/system.ts';

const LEARNING_RATE = 0.5;
const STEPS = 1000;
const CURVATURES = [1, 25];

// A valley, 25 times steeper across than along, whose gradients are seen through noise.
const normal = makeNormal(makeRandom(seed));
const valley = ({ w }: { readonly w: Float32Array }) => ({
  value: CURVATURES.reduce((sum, curvature, i) => sum + (curvature * (w[i] as number) ** 2) / 2, 0),
  gradient: { w: CURVATURES.map((curvature, i) => curvature * (w[i] as number) + 0.5 * normal()) },
});

const record = () => ({ weight: [] as number[], accumulator: [] as number[], rate: [] as number[] });
const records = CURVATURES.map(record);
let largestError = 0;
const { value, values } = minimize(
  valley,
  { w: [4, 4] },
  {
    optimizer: adagrad({ learningRate: LEARNING_RATE }),
    steps: STEPS,
    onStep: ({ optimizer }) => {
      const sums = optimizer.getState()['w.accumulator'] as Float32Array;
      const { w } = optimizer.getEffectiveLearningRates();
      for (const [i, each] of records.entries()) {
        each.weight.push(optimizer.parameters.w[i] as number);
        each.accumulator.push(sums[i] as number);
        each.rate.push(w[i] as number);
        const rule = LEARNING_RATE / Math.sqrt(sums[i] as number);
        largestError = Math.max(largestError, Math.abs((w[i] as number) / rule - 1));
      }
    },
  },
);
reach('rates are rate / root of the accumulator, to', largestError, 'float32', largestError < 1e-5);
reach('value in the valley', value, `below 1 % of ${values[0]}`, value < (values[0] as number) / 100);
const [flat, steep] = records.map(({ rate }) => rate.at(-1) as number) as [number, number];
reach('the flat direction has the higher rate, times', flat / steep, 'above 1.5', flat / steep > 1.5);

const panel = (name: 'weight' | 'accumulator' | 'rate') => ({
  'flat direction': records[0]?.[name] ?? [],
  'steep direction': records[1]?.[name] ?? [],
});
const path = records[0]?.weight.map((x, step) => [x, records[1]?.weight[step] as number] as const) ?? [];
const of = (x: number, y: number) => (x * x + 25 * y * y) / 2;
await draw(
  '13-pros-and-cons',
  plot.panels(
    [
      plot.curves(panel('weight'), { yTitle: 'weight', title: 'Weights' }),
      plot.curves(panel('accumulator'), {
        yTitle: 'accumulator',
        yScale: 'log',
        title: 'Accumulators only grow',
      }),
      plot.learningRates(panel('rate'), { title: 'So effective rates only fall' }),
      plot.paths({ AdaGrad: [[4, 4], ...path] }, { of, title: 'Both directions at the same pace' }),
    ],
    { title: 'One run of AdaGrad in a valley' },
  ),
);
