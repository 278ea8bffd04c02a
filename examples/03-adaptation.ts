/**
 * Slide 3: each parameter has a learning rate of its own. Three coordinates get gradients at every step, at one of ten and at
 * one of a hundred; their rates fall as one over the root of how often, so rare ones keep high rates.
 *
 *   npx tsx examples/03-adaptation.ts [--short] [--seed n]
 */
import { adagrad, FunctionOptimizer } from 'gradloom';
import * as plot from 'gradloom/plot';
import { makeNormal, makeRandom } from './support/random.ts';
import { draw, reach, seed } from './support/system.ts';

const FREQUENCIES = [1, 0.1, 0.01];
const STEPS = 10_000;

const random = makeRandom(seed);
const normal = makeNormal(random);
const optimizer = new FunctionOptimizer({ w: [0, 0, 0] }, { optimizer: adagrad({ learningRate: 0.1 }) });
const rates = FREQUENCIES.map(() => new Float64Array(STEPS));
for (let step = 0; step < STEPS; step++) {
  optimizer.step({ w: FREQUENCIES.map((frequency) => (random() < frequency ? normal() : 0)) });
  const { w } = optimizer.getEffectiveLearningRates();
  // Before its first gradient a coordinate's rate is bounded by epsilon alone; nothing is drawn there.
  for (const [i, values] of rates.entries())
    values[step] = (w[i] as number) < 1e3 ? (w[i] as number) : Number.NaN;
}

const last = rates.map((values) => values[STEPS - 1] as number);
const ratios = last.map((rate) => rate / (last[0] as number));
const text = ratios.map((ratio) => ratio.toFixed(2)).join(' : ');
const theory = FREQUENCIES.map((frequency) => Math.sqrt(1 / frequency));
const isNear = ratios.every((ratio, i) => Math.abs(ratio / (theory[i] as number) - 1) < 0.25);
reach('ratios of rates after 10,000 steps', text, 'about 1 : 3.16 : 10', isNear);

const series = Object.fromEntries(
  FREQUENCIES.map((frequency, i) => [`frequency ${frequency}`, rates[i] as Float64Array]),
);
const options = { title: 'AdaGrad gives rare coordinates higher rates', xScale: 'log' } as const;
await draw('03-adaptation', plot.learningRates(series, options));
