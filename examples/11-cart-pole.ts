/**
 * Slide 11: Q-learning balances a pole, with values linear in tile-coded features and AdaGrad on the few weights that a step
 * touches. A pole still up when time is up has a future that counts; one that fell has none.
 *
 *   npx tsx examples/11-cart-pole.ts [--short] [--seed n]
 */
import * as plot from 'gradloom/plot';
import { CartPole } from './support/cart-pole.ts';
import { makeRandom } from './support/random.ts';
import { draw, isShort, reach, seed } from './support/system.ts';
import { tileCoding } from './support/tile-coding.ts';

const GAMMA = 0.99;
const LEARNING_RATE = 1;
const WINDOW = 100;

const tiles = tileCoding({
  tilings: 8,
  cells: [4, 4, 6, 6],
  limits: [2.4, 3, 0.2095, 3],
  displacement: [3, 5, 7, 1],
});

/** One weight a tile and action, and AdaGrad's sum of squared gradients beside each. */
class LinearQ {
  readonly weights = [new Float64Array(tiles.size), new Float64Array(tiles.size)] as const;
  readonly #sums = [new Float64Array(tiles.size), new Float64Array(tiles.size)] as const;

  value(active: readonly number[], action: 0 | 1): number {
    return active.reduce((sum, tile) => sum + (this.weights[action][tile] as number), 0);
  }

  best(active: readonly number[]): 0 | 1 {
    return this.value(active, 1) > this.value(active, 0) ? 1 : 0;
  }

  /** The gradient of half the squared error is the error at each active tile, and 0 elsewhere: nothing else is touched. */
  learn(active: readonly number[], action: 0 | 1, target: number): void {
    const error = this.value(active, action) - target;
    const [weights, sums] = [this.weights[action], this.#sums[action]];
    for (const tile of active) {
      sums[tile] = (sums[tile] as number) + error * error;
      // Shared by all tilings, which move the value together.
      const step = (LEARNING_RATE * error) / (Math.sqrt(sums[tile] as number) + 1e-8);
      weights[tile] = (weights[tile] as number) - step;
    }
  }
}

interface Outcome {
  readonly returns: readonly number[];
  /** The first episodes after which the mean of the last hundred was 195 and 475. */
  readonly solved195: number | undefined;
  readonly solved475: number | undefined;
  /** The mean of episodes that follow the best policy met in training, without exploring. */
  readonly best: number;
}

function train(seed: number, episodes: number): Outcome {
  const environment = new CartPole();
  const random = makeRandom(seed + 1000);
  const q = new LinearQ();
  const returns: number[] = [];
  let exploration = 1;
  let [solved195, solved475]: (number | undefined)[] = [];
  // An agent that goes on learning may also get worse: the weights of the best hundred episodes are kept.
  let kept = { mean: 0, weights: structuredClone(q.weights) };
  environment.reset(seed);
  for (let episode = 1; episode <= episodes && solved475 === undefined; episode++) {
    let active = tiles.tilesOf(environment.reset());
    let sum = 0;
    for (let isOver = false; !isOver; ) {
      const action = random() < exploration ? (random() < 0.5 ? 0 : 1) : q.best(active);
      const { observation, reward, terminated, truncated } = environment.step(action);
      const next = tiles.tilesOf(observation);
      q.learn(
        active,
        action,
        reward + (terminated ? 0 : GAMMA * Math.max(q.value(next, 0), q.value(next, 1))),
      );
      active = next;
      sum += reward;
      isOver = terminated || truncated;
    }
    exploration = Math.max(0.01, exploration * 0.98);
    returns.push(sum);
    const last = returns.slice(-WINDOW);
    const mean = last.length < WINDOW ? 0 : last.reduce((total, value) => total + value, 0) / WINDOW;
    if (mean > kept.mean) kept = { mean, weights: structuredClone(q.weights) };
    if (mean >= 195) solved195 ??= episode;
    if (mean >= 475) solved475 ??= episode;
  }
  for (const action of [0, 1] as const) q.weights[action].set(kept.weights[action]);
  return { returns, solved195, solved475, best: follow(q, environment) };
}

function follow(q: LinearQ, environment: CartPole): number {
  const episodes = 50;
  let sum = 0;
  for (let episode = 0; episode < episodes; episode++) {
    let observation = environment.reset();
    for (let isOver = false; !isOver; ) {
      const step = environment.step(q.best(tiles.tilesOf(observation)));
      observation = step.observation;
      sum += step.reward;
      isOver = step.terminated || step.truncated;
    }
  }
  return sum / episodes;
}

const seeds = isShort ? 2 : 8;
const outcomes = Array.from({ length: seeds }, (_, i) => train(seed + i, isShort ? 300 : 700));
for (const [i, { solved195, solved475, returns, best }] of outcomes.entries()) {
  console.log(
    `seed ${seed + i}: 195 after ${solved195}, 475 after ${solved475}, ${returns.length} episodes, best policy ${best}`,
  );
}

const at195 = outcomes.map(({ solved195 }) => solved195 ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
const median = at195[Math.floor(at195.length / 2)] as number;
reach('mean of 100 episodes at least 195 (median seed)', median, 'by about episode 115', median <= 150);
if (!isShort) {
  const solved = outcomes.filter(({ solved475 }) => solved475 !== undefined).length;
  reach('mean of 100 episodes at least 475 within 700', `${solved} of 8 seeds`, '7 of 8 seeds', solved >= 7);
}
await draw(
  '11-cart-pole',
  plot.returns(outcomes[0]?.returns ?? [], { goal: 475, title: 'CartPole, linear Q-learning' }),
);
