/**
 * Slide 5: what AdaGrad is good at. First the slide's own regression of two dense features, where it is as good as anything
 * and no better. Then what it is meant for: a logistic regression over 2,000 features of which a few are common and most
 * are rare, as words are, in one pass over the rows.
 *
 *   npx tsx examples/05-rare-features.ts [--short] [--seed n]
 */
import {
  adagrad,
  dense,
  fromArrays,
  fromSparse,
  type Optimizer,
  sequential,
  sgd,
  sparseDense,
  Trainer,
} from 'gradloom';
import * as plot from 'gradloom/plot';
import { makeNormal, makeRandom, makeZipf } from './support/random.ts';
import { draw, isShort, reach, seed } from './support/system.ts';

const random = makeRandom(seed);
const normal = makeNormal(random);

// y = 2 a + 0.5 b + noise, and every step over all rows.
const rows = Array.from({ length: 1000 }, () => [normal(), normal()] as const);
const noisy = fromArrays({
  inputs: rows.map((row) => [...row]),
  inputShape: [2],
  labels: Float32Array.from(rows, ([a, b]) => 2 * a + 0.5 * b + 0.1 * normal()),
});
async function regress(optimizer: Optimizer) {
  const model = sequential({ inputShape: [2] }, [
    dense({ units: 1, bias: false, weightInitializer: 'zeros' }),
  ]);
  const trainer = new Trainer(model, { optimizer, loss: 'meanSquaredError' });
  const history = await trainer.fit(noisy, { epochs: 100, batchSize: noisy.length });
  return { history, loss: (await trainer.evaluate(noisy)).loss };
}
const regressions = {
  SGD: await regress(sgd({ learningRate: 0.1 })),
  AdaGrad: await regress(adagrad({ learningRate: 1 })),
};
const { AdaGrad, SGD } = regressions;
const isEqual = Math.abs(AdaGrad.loss - SGD.loss) < 1e-5;
reach(
  'two dense features: MSE of AdaGrad, rate 1',
  AdaGrad.loss,
  'least squares, about 0.0097',
  isEqual && AdaGrad.loss < 0.012,
);
const histories = { SGD: SGD.history, AdaGrad: AdaGrad.history };
await draw(
  '05-dense',
  plot.compare(histories, { yScale: 'log', title: 'Two dense features: both end at least squares' }),
);

/** Rows of words; the more frequent a word the commoner its rows. Each word speaks for or against, the rare ones too. */
const FEATURES = 2000;
const speaks = Array.from({ length: FEATURES }, () => 1.5 * normal());
const word = makeZipf(random, FEATURES);
function makeRows(count: number) {
  const samples = Array.from({ length: count }, () => [...new Set(Array.from({ length: 20 }, word))]);
  const labels = samples.map((words) => {
    const sum = words.reduce((total, each) => total + (speaks[each] as number), 0);
    return random() < 1 / (1 + Math.exp(-sum)) ? 1 : 0;
  });
  return fromSparse({ inputShape: [FEATURES], samples, labels });
}
const [train, test] = [makeRows(8000), makeRows(4000)];

/** The test loss after one pass, a step a row. */
async function onePass(optimizer: Optimizer): Promise<number> {
  const model = sequential({ inputShape: [FEATURES] }, [
    sparseDense({ units: 1, weightInitializer: 'zeros' }),
  ]);
  const trainer = new Trainer(model, { optimizer, loss: 'sigmoidBinaryCrossEntropy', seed });
  await trainer.fit(train, { epochs: 1, batchSize: 1 });
  return (await trainer.evaluate(test)).loss;
}

const rates = isShort ? [0.1, 0.3, 1] : [0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 2];
const losses: { readonly AdaGrad: number[]; readonly SGD: number[] } = { AdaGrad: [], SGD: [] };
for (const learningRate of rates) {
  losses.AdaGrad.push(await onePass(adagrad({ learningRate })));
  losses.SGD.push(await onePass(sgd({ learningRate })));
}
const [best, bestSgd] = [Math.min(...losses.AdaGrad), Math.min(...losses.SGD)];
reach(
  'rare features: test log loss of AdaGrad',
  best,
  `3 % below SGD at its best rate, ${bestSgd.toFixed(3)}`,
  best < 0.97 * bestSgd,
);
const byRate = { AdaGrad: { x: rates, y: losses.AdaGrad }, SGD: { x: rates, y: losses.SGD } };
const axes = { xTitle: 'learning rate', yTitle: 'test log loss after one pass', xScale: 'log' } as const;
await draw('05-rare', plot.curves(byRate, { ...axes, title: 'Rare features: each rate tried' }));
