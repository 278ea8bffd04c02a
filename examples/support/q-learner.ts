/**
 * Q-learning on any model that gives the value of each of two actions: by the latest transition alone, or by a batch drawn
 * from a memory of many, against a target network that follows now and then.
 *
 * Sources: C. Watkins, "Learning from Delayed Rewards", 1989; V. Mnih et al., "Human-level control through deep reinforcement
 * learning", Nature 518, 2015.
 */
import type { Model, Trainer } from 'gradloom';
import type { CartPole, Observation } from './cart-pole.ts';
import type { Random } from './random.ts';

export interface Transition {
  /** Of a model's sample: values, or the features that are there. */
  readonly features: readonly number[];
  readonly action: 0 | 1;
  readonly reward: number;
  readonly next: readonly number[];
  /** There is no future. */
  readonly terminated: boolean;
}

export interface QLearnerOptions {
  /** What the model reads of an observation. */
  readonly featuresOf: (observation: Observation) => readonly number[];
  readonly gamma: number;
  /** Values are in these units. Default: 1. */
  readonly rewardScale?: number;
  readonly random: Random;
  /**
   * The latest transitions that are kept, how many are drawn for a step, and the steps after which the target network takes
   * over the weights. Default: each transition is learnt once, as it comes.
   */
  readonly replay?: { readonly memory: number; readonly batchSize: number; readonly refresh: number };
}

/** The shapes of what learns. */
type Values = Model<readonly [number], readonly [2]>;

export class QLearner {
  readonly model: Values;
  readonly #trainer: Trainer<readonly [number]>;
  readonly #options: QLearnerOptions;
  readonly #memory: Transition[] = [];
  readonly #target: Values;
  #steps = 0;

  /** The loss of the trainer takes values, one an action. */
  constructor(trainer: Trainer<readonly [number]>, options: QLearnerOptions) {
    this.#trainer = trainer;
    this.model = trainer.model as Values;
    this.#options = options;
    this.#target = options.replay === undefined ? this.model : this.model.clone();
  }

  /** Learns from an episode, in which actions are drawn by chance as often as `exploration` says; its return. */
  train(environment: CartPole, exploration: number): number {
    const { featuresOf, random } = this.#options;
    let features = featuresOf(environment.reset());
    for (let sum = 0; ; ) {
      const action = random() < exploration ? (random() < 0.5 ? 0 : 1) : this.best(features);
      const { observation, reward, terminated, truncated } = environment.step(action);
      const next = featuresOf(observation);
      this.learn({ features, action, reward, next, terminated });
      features = next;
      sum += reward;
      if (terminated || truncated) return sum;
    }
  }

  /** The return of an episode of the best actions, which teaches nothing. */
  play(environment: CartPole): number {
    let observation = environment.reset();
    for (let sum = 0; ; ) {
      const step = environment.step(this.best(this.#options.featuresOf(observation)));
      observation = step.observation;
      sum += step.reward;
      if (step.terminated || step.truncated) return sum;
    }
  }

  best(features: readonly number[]): 0 | 1 {
    const [left = 0, right = 0] = this.model.predictSync([features]).data;
    return right > left ? 1 : 0;
  }

  learn(transition: Transition): void {
    const { replay, random } = this.#options;
    if (replay === undefined) {
      this.#step([transition]);
      return;
    }
    this.#memory[this.#steps++ % replay.memory] = transition;
    if (this.#memory.length < 10 * replay.batchSize) return;
    const draw = () => this.#memory[Math.floor(random() * this.#memory.length)] as Transition;
    this.#step(Array.from({ length: replay.batchSize }, draw));
    if (this.#steps % replay.refresh === 0) this.#target.setWeights(this.model.getWeights());
  }

  #step(batch: readonly Transition[]): void {
    const { gamma, rewardScale = 1 } = this.#options;
    const features = batch.map((transition) => transition.features);
    const future = this.#target.predictSync(batch.map(({ next }) => next)).data;
    // The action that was not taken has its own value as target, and so no error.
    const targets = this.model.predictSync(features).data;
    for (const [i, { action, reward, terminated }] of batch.entries()) {
      const most = Math.max(future[2 * i] as number, future[2 * i + 1] as number);
      targets[2 * i + action] = rewardScale * reward + (terminated ? 0 : gamma * most);
    }
    this.#trainer.trainStep(features, targets);
  }
}
