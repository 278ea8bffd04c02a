/**
 * Slide 14: further reading, with links that lead there, and what of it is here: the AdaGrad of the first paper, the
 * AdaGrad-Norm of the second, and the optimizers that the others compare with, each on the same valley.
 *
 *   npx tsx examples/14-further-reading.ts [--short]
 */
import {
  adadelta,
  adagrad,
  adagradDualAveraging,
  adagradNorm,
  adam,
  adamW,
  minimize,
  type Optimizer,
  rmsprop,
  sgd,
} from 'gradloom';
import * as plot from 'gradloom/plot';
import { draw, reach } from './support/system.ts';

const READING: readonly (readonly [paper: string, optimizers: Readonly<Record<string, Optimizer>>])[] = [
  [
    'J. Duchi, E. Hazan, Y. Singer: Adaptive subgradient methods for online learning and stochastic optimization. JMLR 12, 2121-2159, 2011. jmlr.org/papers/v12/duchi11a.html',
    {
      AdaGrad: adagrad({ learningRate: 1 }),
      'AdaGrad, dual averaging': adagradDualAveraging({ learningRate: 1 }),
    },
  ],
  [
    'R. Ward, X. Wu, L. Bottou: AdaGrad stepsizes: sharp convergence over nonconvex landscapes. arXiv 1806.01811, 2018.',
    { 'AdaGrad-Norm': adagradNorm({ learningRate: 1 }) },
  ],
  [
    'M. Zaheer et al.: Adaptive methods for nonconvex optimization. NeurIPS, 2018.',
    { Adam: adam({ learningRate: 0.1 }), AdamW: adamW({ learningRate: 0.1, weightDecay: 0.1 }) },
  ],
  [
    'S. Ruder: An overview of gradient descent optimization algorithms. arXiv 1609.04747, 2016.',
    {
      RMSprop: rmsprop({ learningRate: 0.01 }),
      Adadelta: adadelta({ learningRate: 1 }),
      SGD: sgd({ learningRate: 0.1 }),
    },
  ],
  [
    'Y. Bengio, N. Boulanger-Lewandowski, R. Pascanu: Advances in optimizing recurrent networks. arXiv 1212.0901, 2012.',
    { Nesterov: sgd({ learningRate: 0.05, momentum: 0.8, nesterov: true }) },
  ],
];

/** (x^2 + 10 y^2) / 2. */
const valley = ({ w }: { readonly w: Float32Array }) => {
  const [x = 0, y = 0] = w;
  return { value: (x * x + 10 * y * y) / 2, gradient: { w: [x, 10 * y] } };
};

const series: Record<string, readonly number[]> = {};
const ends: number[] = [];
for (const [paper, optimizers] of READING) {
  console.log(paper);
  for (const [name, optimizer] of Object.entries(optimizers)) {
    const { value, values } = minimize(valley, { w: [3, 2] }, { optimizer, steps: 1000 });
    console.log(`  ${name}: ${values[0]} to ${value.toExponential(2)} in 1,000 steps`);
    // Below this the curves say nothing more.
    series[name] = values.map((each) => (each > 1e-9 ? each : Number.NaN));
    ends.push(value);
  }
}
const found = ends.filter((value) => value < 0.01).length;
reach(
  'optimizers of the papers that find the minimum',
  `${found} of ${ends.length}`,
  'all',
  found === ends.length,
);
await draw(
  '14-further-reading',
  plot.curves(series, { yTitle: 'value', yScale: 'log', title: 'One valley, 1,000 steps' }),
);
