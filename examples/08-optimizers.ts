/**
 * Slide 8: optimizers side by side, from the same start on the same data: y = 2 x + 1 and noise of deviation 0.1, so that
 * nothing gets below a mean squared error of 0.01.
 *
 *   npx tsx examples/08-optimizers.ts [--short] [--seed n]
 */
import {
  adadelta,
  adagrad,
  adagradNorm,
  adam,
  adamW,
  dense,
  fromArrays,
  ftrl,
  type History,
  rmsprop,
  sequential,
  sgd,
  Trainer,
} from 'gradloom';
import * as plot from 'gradloom/plot';
import { makeNormal, makeRandom } from './support/random.ts';
import { draw, reach, seed } from './support/system.ts';

const normal = makeNormal(makeRandom(seed));
const x = Float32Array.from({ length: 1000 }, () => normal());
const data = fromArrays({
  inputs: x,
  inputShape: [1],
  labels: x.map((value) => 2 * value + 1 + 0.1 * normal()),
});

const optimizers = {
  SGD: sgd({ learningRate: 0.1 }),
  AdaGrad: adagrad({ learningRate: 1 }),
  Adam: adam({ learningRate: 0.1 }),
  'SGD, momentum': sgd({ learningRate: 0.05, momentum: 0.8 }),
  RMSprop: rmsprop({ learningRate: 0.1 }),
  AdamW: adamW({ learningRate: 0.1, weightDecay: 0 }),
  Adadelta: adadelta({ learningRate: 20 }),
  'AdaGrad-Norm': adagradNorm({ learningRate: 1 }),
  FTRL: ftrl({ learningRate: 1 }),
};

const histories: Record<string, History> = {};
const losses: Record<string, number> = {};
for (const [name, optimizer] of Object.entries(optimizers)) {
  // The same start for all: the seed of the model, not of the optimizer, decides it.
  const model = sequential({ inputShape: [1], seed: 1 }, [dense({ units: 1 })]);
  const trainer = new Trainer(model, { optimizer, loss: 'meanSquaredError' });
  histories[name] = await trainer.fit(data, { epochs: 100, batchSize: data.length });
  losses[name] = (await trainer.evaluate(data)).loss;
  console.log(`${name.padEnd(14)} ${losses[name].toFixed(5)}`);
}
for (const name of ['SGD', 'AdaGrad', 'Adam']) {
  const loss = losses[name] as number;
  reach(
    `mean squared error after 100 epochs, ${name}`,
    loss,
    '0.0096 to 0.0106',
    loss > 0.0085 && loss < 0.0118,
  );
}
const all = Object.values(losses);
const near = all.filter((loss) => loss < 0.02).length;
reach('optimizers that end near the noise', `${near} of ${all.length}`, 'all', near === all.length);
await draw('08-optimizers', plot.compare(histories, { yScale: 'log', title: 'Optimizers from one start' }));
