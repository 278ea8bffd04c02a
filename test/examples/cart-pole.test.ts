/** The example's environment and features: CartPole-v1's equations, and grids that cover their space. */
import test from 'ava';
import { advance, CartPole, MAX_STEPS } from '../../examples/support/cart-pole.ts';
import { QLearner } from '../../examples/support/q-learner.ts';
import { makeRandom } from '../../examples/support/random.ts';
import { tileCoding } from '../../examples/support/tile-coding.ts';
import { adagrad, dense, sequential, sgd, sparseDense, Trainer } from '../../lib/index.ts';

const close = (a: number, b: number) => Math.abs(a - b) < 1e-9;

test("the first push from rest is Gymnasium's", (t) => {
  // By hand: angular acceleration -(10 / 1.1) / (0.5 (4 / 3 - 0.1 / 1.1)), acceleration 10 / 1.1 + 0.05 / 1.1 times its negative.
  const angular = -(10 / 1.1) / (0.5 * (4 / 3 - 0.1 / 1.1));
  const next = advance([0, 0, 0, 0], 1);
  t.true(
    [0, 0.02 * (10 / 1.1 - (0.05 * angular) / 1.1), 0, 0.02 * angular].every((value, i) =>
      close(value, next[i] as number),
    ),
  );
  t.is(next[1].toFixed(6), '0.195122');
  t.is(next[3].toFixed(6), '-0.292683');
  const [left, right] = [advance([0.3, -0.2, 0.1, 0.4], 0), advance([-0.3, 0.2, -0.1, -0.4], 1)];
  t.true(left.every((value, i) => close(value, -(right[i] as number))));
});

test('an episode ends when the pole falls, or is cut off when time is up', (t) => {
  const environment = new CartPole();
  const first = environment.reset(7);
  t.true(first.every((value) => Math.abs(value) <= 0.05));
  t.deepEqual(new CartPole().reset(7), first);
  t.notDeepEqual(environment.reset(), first);
  let step = environment.step(1);
  let steps = 1;
  for (; !step.terminated && !step.truncated; steps++) step = environment.step(1);
  t.true(step.terminated && steps < 20);
  t.is(step.reward, 1);

  // A controller that pushes to where the pole falls keeps it up.
  let observation = environment.reset(1);
  for (steps = 0; steps < MAX_STEPS; steps++) {
    const [x, velocity, angle, angular] = observation;
    step = environment.step(angle + 0.4 * angular + 0.05 * x + 0.1 * velocity > 0 ? 1 : 0);
    observation = step.observation;
    t.is(step.truncated, steps === MAX_STEPS - 1);
  }
  t.false(step.terminated);
});

test('each point lies in one cell of each grid, and near points share most', (t) => {
  const tiles = tileCoding({ tilings: 8, cells: [4, 6], limits: [1, 2], displacement: [1, 3] });
  const random = makeRandom(1);
  for (let i = 0; i < 500; i++) {
    const point = [random() * 4 - 2, random() * 6 - 3];
    const active = tiles.tilesOf(point);
    t.is(new Set(active).size, 8);
    t.true(
      active.every(
        (tile, tiling) => tile >= (tiling * tiles.size) / 8 && tile < ((tiling + 1) * tiles.size) / 8,
      ),
    );
  }
  const shared = tiles
    .tilesOf([0.1, 0.1])
    .filter((tile, i) => tile === tiles.tilesOf([0.11, 0.12])[i]).length;
  t.true(shared >= 6);
  t.notDeepEqual(tiles.tilesOf([-0.9, 0]), tiles.tilesOf([0.9, 0]));
});

test('a linear learner follows the rule of AdaGrad on the tiles that are on', (t) => {
  const size = 12;
  const model = sequential({ inputShape: [size] }, [
    sparseDense({ units: 2, bias: false, weightInitializer: 'zeros' }),
  ]);
  // From 0 on, an error of 0 in double and of 1e-8 in float would make steps of different sizes.
  const optimizer = adagrad({ learningRate: 0.5, initialAccumulator: 0.1 });
  const trainer = new Trainer(model, { optimizer, loss: 'meanSquaredError' });
  const random = makeRandom(2);
  const learner = new QLearner(trainer, { featuresOf: (given) => given, gamma: 0.9, random });
  const weights = [new Float64Array(size), new Float64Array(size)] as const;
  const sums = [new Float64Array(size).fill(0.1), new Float64Array(size).fill(0.1)] as const;
  const tilesAt = () => [0, 1, 2].map((tiling) => tiling * 4 + Math.floor(random() * 4));
  for (let step = 0; step < 200; step++) {
    const [features, next] = [tilesAt(), tilesAt()];
    const action = step % 3 === 0 ? 1 : 0;
    const terminated = step % 5 === 0;
    const value = (tiles: number[], of: 0 | 1) =>
      tiles.reduce((sum, tile) => sum + (weights[of][tile] as number), 0);
    const target = 1 + (terminated ? 0 : 0.9 * Math.max(value(next, 0), value(next, 1)));
    const error = value(features, action) - target;
    for (const tile of features) {
      sums[action][tile] = (sums[action][tile] as number) + error ** 2;
      weights[action][tile] =
        (weights[action][tile] as number) - (0.5 * error) / (Math.sqrt(sums[action][tile] as number) + 1e-10);
    }
    learner.learn({ features, action, reward: 1, next, terminated });
  }
  const { data } = model.getWeights()['sparseDense_1.weight'] as { data: Float32Array };
  const expected = [...weights[0], ...weights[1]];
  t.true(
    expected.every((weight, i) => Math.abs(weight - (data[i] as number)) < 1e-4 * Math.abs(weight) + 1e-5),
  );
});

test('a learner with replay looks ahead by the target network, which takes over the weights now and then', (t) => {
  const model = sequential({ inputShape: [4], seed: 1 }, [dense({ units: 2 })]);
  const first = model.getWeights();
  const trainer = new Trainer(model, { optimizer: sgd({ learningRate: 0.1 }), loss: 'meanSquaredError' });
  const replay = { memory: 20, batchSize: 1, refresh: 15 };
  const learner = new QLearner(trainer, {
    featuresOf: (given) => given,
    gamma: 0.5,
    random: makeRandom(1),
    replay,
  });
  const transition = {
    features: [1, 0, 0, 0],
    action: 1,
    reward: 3,
    next: [0, 1, 0, 0],
    terminated: false,
  } as const;
  for (let step = 1; step < 10; step++) learner.learn(transition);
  t.deepEqual(model.getWeights(), first);
  // The target stands still, so learning closes in on it.
  for (let step = 10; step < 15; step++) learner.learn(transition);
  const { data: w } = first['dense_1.weight'] as { data: Float32Array };
  const target = 3 + 0.5 * Math.max(w[1] as number, w[5] as number);
  // Half of the mean's gradient for two outputs, for weight and bias.
  const expected = target + ((w[4] as number) - target) * (1 - 0.1 * 2) ** 5;
  t.true(Math.abs((model.predictSync([[1, 0, 0, 0]]).data[1] as number) - expected) < 1e-5);
  // Behind the 15th step the target network has the weights of then.
  learner.learn(transition);
  const future = Math.max(...model.predictSync([[0, 1, 0, 0]]).data);
  const value = () => model.predictSync([[1, 0, 0, 0]]).data[1] as number;
  const before = value();
  learner.learn(transition);
  t.true(Math.abs(value() - (before + 0.2 * (3 + 0.5 * future - before))) < 1e-5);
});
