/** The example's environment and features: CartPole-v1's equations, and grids that cover their space. */
import test from 'ava';
import { advance, CartPole, MAX_STEPS } from '../../examples/support/cart-pole.ts';
import { makeRandom } from '../../examples/support/random.ts';
import { tileCoding } from '../../examples/support/tile-coding.ts';

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
