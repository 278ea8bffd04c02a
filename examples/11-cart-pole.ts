/**
 * Slide 11: Q-learning balances a pole, twice: with values linear in tile-coded features and AdaGrad on the few weights that a
 * step touches, and with a small network, replay and a target network. Both learn by `trainStep` while they act. A pole
 * still up when time is up has a future that counts; one that fell has none.
 *
 *   npx tsx examples/11-cart-pole.ts [--short] [--seed n]
 */
import { adagrad, adam, dense, sequential, sparseDense, Trainer } from 'gradloom';
import * as plot from 'gradloom/plot';
import { CartPole } from './support/cart-pole.ts';
import { QLearner } from './support/q-learner.ts';
import { makeRandom, type Random } from './support/random.ts';
import { draw, isShort, reach, seed } from './support/system.ts';
import { tileCoding } from './support/tile-coding.ts';

const GAMMA = 0.99;
const LIMITS = [2.4, 3, 0.2095, 3] as const;
const WINDOW = 100;
const tiles = tileCoding({ tilings: 8, cells: [4, 4, 6, 6], limits: LIMITS, displacement: [3, 5, 7, 1] });

/** A sample is the tiles that are on: one weight a tile and action, of which a step touches eight. */
function linear(random: Random): QLearner {
  const model = sequential({ inputShape: [tiles.size] }, [
    sparseDense({ units: 2, bias: false, weightInitializer: 'zeros' }),
  ]);
  const trainer = new Trainer(model, { optimizer: adagrad({ learningRate: 1 }), loss: 'meanSquaredError' });
  return new QLearner(trainer, { featuresOf: tiles.tilesOf, gamma: GAMMA, random });
}

/** Values from 0 to 1, the size that a network's outputs begin with, are learnt soonest. */
function network(random: Random, seed: number): QLearner {
  const model = sequential({ inputShape: [4], seed }, [
    dense({ units: 64, activation: 'relu' }),
    dense({ units: 64, activation: 'relu' }),
    dense({ units: 2 }),
  ]);
  const trainer = new Trainer(model, { optimizer: adam({ learningRate: 3e-4 }), loss: 'meanSquaredError' });
  return new QLearner(trainer, {
    featuresOf: (observation) => observation.map((value, axis) => value / (LIMITS[axis] as number)),
    gamma: GAMMA,
    rewardScale: 1 - GAMMA,
    random,
    replay: { memory: 50_000, batchSize: 64, refresh: 50 },
  });
}

type Task = { readonly goal: number; readonly episodes: number };

/** Trains until a hundred episodes have the goal as mean, or episodes are up. */
function train(makeLearner: typeof network, seed: number, { goal, episodes }: Task) {
  const environment = new CartPole();
  const learner = makeLearner(makeRandom(seed + 1000), seed);
  const returns: number[] = [];
  // An agent that goes on learning may also get worse: the weights of the best hundred episodes are kept.
  let kept = { mean: 0, weights: learner.model.getWeights() };
  let [exploration, solved195] = [1, Number.POSITIVE_INFINITY];
  environment.reset(seed);
  while (returns.length < episodes && kept.mean < goal) {
    returns.push(learner.train(environment, exploration));
    exploration = Math.max(0.01, exploration * 0.98);
    const mean = returns.length < WINDOW ? 0 : meanOf(returns.slice(-WINDOW));
    if (mean > kept.mean) kept = { mean, weights: learner.model.getWeights() };
    if (mean >= 195) solved195 = Math.min(solved195, returns.length);
  }
  learner.model.setWeights(kept.weights);
  const best = meanOf(Array.from({ length: 50 }, () => learner.play(environment)));
  console.log(
    `seed ${seed}: 195 after ${solved195} episodes, ${kept.mean} after ${returns.length}; its policy, without chance, ${best}`,
  );
  return { returns, solved195, mean: kept.mean };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function trainAll(makeLearner: typeof network, count: number, task: Task) {
  console.log(`${makeLearner.name}:`);
  return Array.from({ length: count }, (_, i) => train(makeLearner, seed + i, task));
}

const linears = trainAll(linear, isShort ? 2 : 8, { goal: 475, episodes: isShort ? 150 : 700 });
const ordered = linears.map(({ solved195 }) => solved195).sort((a, b) => a - b);
const median = ordered[Math.floor(ordered.length / 2)] as number;
reach('linear: episodes to a mean of 195 (median seed)', median, 'about 115', median <= 150);
if (!isShort) {
  const solved = linears.filter(({ mean }) => mean >= 475).length;
  reach('linear: mean of 475 within 700 episodes', `${solved} of 8 seeds`, '7 of 8 seeds', solved >= 7);
}
const networks = trainAll(network, isShort ? 1 : 4, { goal: 195, episodes: 300 });
const solved = networks.filter(({ mean }) => mean >= 195).length;
const ofAll = `${solved} of ${networks.length} seeds`;
reach('network: mean of 195 within 300 episodes', ofAll, 'all', solved === networks.length);

const [{ returns }] = linears as [(typeof linears)[number]];
await draw('11-cart-pole', plot.returns(returns, { goal: 475, title: 'CartPole, linear Q-learning' }));
const [{ returns: ofNetwork }] = networks as [(typeof networks)[number]];
await draw('11-cart-pole-network', plot.returns(ofNetwork, { goal: 195, title: 'CartPole, a Q network' }));
