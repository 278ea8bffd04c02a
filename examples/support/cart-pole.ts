/**
 * CartPole-v1 as Gymnasium has it: a pole on a cart that is pushed left (0) or right (1), Euler's method with steps of 20 ms.
 *
 * Source: A. G. Barto, R. S. Sutton, C. W. Anderson, "Neuronlike adaptive elements that can solve difficult learning control
 * problems", IEEE Transactions on Systems, Man, and Cybernetics 13, 1983; equations as corrected by R. V. Florian,
 * "Correct equations for the dynamics of the cart-pole system", 2007.
 */
import { makeRandom, type Random } from './random.ts';

/** Cart position (m), its velocity, pole angle (rad), its velocity. */
export type Observation = readonly [x: number, velocity: number, angle: number, angularVelocity: number];

export interface Step {
  readonly observation: Observation;
  /** 1 for each step, the last one too. */
  readonly reward: number;
  /** The pole fell or the cart left: there is no future. */
  readonly terminated: boolean;
  /** Time is up: the future was cut off and still has its value. */
  readonly truncated: boolean;
}

const GRAVITY = 9.8;
const CART_MASS = 1;
const POLE_MASS = 0.1;
const TOTAL_MASS = CART_MASS + POLE_MASS;
/** Half the pole's. */
const LENGTH = 0.5;
const POLE_MOMENT = POLE_MASS * LENGTH;
const FORCE = 10;
const SECONDS = 0.02;
const MAX_ANGLE = (12 * Math.PI) / 180;
const MAX_POSITION = 2.4;
export const MAX_STEPS = 500;

export class CartPole {
  readonly actionCount = 2;
  #state: Observation = [0, 0, 0, 0];
  #steps = 0;
  #random: Random = makeRandom(0);

  /** Begins an episode near rest. A seed begins the random numbers anew. */
  reset(seed?: number): Observation {
    if (seed !== undefined) this.#random = makeRandom(seed);
    const near = () => this.#random() * 0.1 - 0.05;
    this.#state = [near(), near(), near(), near()];
    this.#steps = 0;
    return this.#state;
  }

  step(action: 0 | 1): Step {
    this.#state = advance(this.#state, action);
    this.#steps++;
    const [x, , angle] = this.#state;
    const terminated = Math.abs(x) > MAX_POSITION || Math.abs(angle) > MAX_ANGLE;
    return { observation: this.#state, reward: 1, terminated, truncated: this.#steps >= MAX_STEPS };
  }
}

/** Positions move by the velocities of before. */
export function advance([x, velocity, angle, angularVelocity]: Observation, action: 0 | 1): Observation {
  const force = action === 1 ? FORCE : -FORCE;
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  const push = (force + POLE_MOMENT * angularVelocity ** 2 * sin) / TOTAL_MASS;
  const angularAcceleration =
    (GRAVITY * sin - cos * push) / (LENGTH * (4 / 3 - (POLE_MASS * cos ** 2) / TOTAL_MASS));
  const acceleration = push - (POLE_MOMENT * angularAcceleration * cos) / TOTAL_MASS;
  return [
    x + SECONDS * velocity,
    velocity + SECONDS * acceleration,
    angle + SECONDS * angularVelocity,
    angularVelocity + SECONDS * angularAcceleration,
  ];
}
