import { native } from '../../lib/native.ts';
import { type AdagradOptions, adagrad, type SgdOptions, sgd } from '../../lib/optimizers/index.ts';
import type { Optimizer } from '../../lib/optimizers/optimizer.ts';
import { floatsOf, type GoldenCase } from './fixtures.ts';
import { type Comparison, TOLERANCES, type Tolerance } from './tolerances.ts';

type Attributes = GoldenCase['attrs'];

/** What torch calls an option and a state, and what Gradloom calls them. What is left out stands at each side's default. */
const ADAGRAD_NAMES: Readonly<Record<string, keyof AdagradOptions>> = {
  lr: 'learningRate',
  lr_decay: 'learningRateDecay',
  weight_decay: 'weightDecay',
  initial_accumulator_value: 'initialAccumulator',
  eps: 'epsilon',
  epsilon: 'epsilon',
};
const SGD_NAMES: Readonly<Record<string, keyof SgdOptions>> = {
  lr: 'learningRate',
  momentum: 'momentum',
  dampening: 'dampening',
  nesterov: 'nesterov',
  weight_decay: 'weightDecay',
};
const STATE_NAMES: Readonly<Record<string, string>> = {
  'state.sum.50': 'accumulator',
  'state.momentum_buffer.50': 'momentum',
};

const STEPS = 50;
const RECORDED_STEPS = [1, 2, 10, 50];
/** The rules work value by value, so the parameters may be cut in two: a count of steps per tensor would show. */
const FIRST_TENSOR = 14;

/** torch's optimizers that Gradloom has. */
export const OPTIMIZERS: Readonly<Record<string, (attributes: Attributes) => Optimizer>> = {
  Adagrad: (attributes) => adagrad(translate(attributes, ADAGRAD_NAMES)),
  SGD: (attributes) => sgd(translate(attributes, SGD_NAMES)),
};

function translate(attributes: Attributes, names: Readonly<Record<string, string>>): object {
  const { maximize, ...rest } = attributes;
  const options = Object.entries(rest).map(([name, value]) => {
    const ours = names[name];
    if (ours === undefined) throw new Error(`no option stands for ${name}`);
    return [ours, value];
  });
  return Object.fromEntries(maximize === true ? [...options, ['direction', 'maximize']] : options);
}

export function compareTorchOptimizer(
  make: (attributes: Attributes) => Optimizer,
): (golden: GoldenCase) => Comparison[] {
  const tolerances = { parameters: TOLERANCES.optimizerParameters, state: TOLERANCES.optimizerState };
  return (golden) => compareSteps(golden, make(golden.attrs), tolerances);
}

export function compareKerasAdagrad(golden: GoldenCase): Comparison[] {
  const optimizer = adagrad({
    ...translate(golden.attrs, ADAGRAD_NAMES),
    epsilonPlacement: 'inside',
    weightDecayMode: 'decoupled',
  });
  const tolerances = { parameters: TOLERANCES.specOptimizer, state: TOLERANCES.specOptimizer };
  return compareSteps(golden, optimizer, tolerances);
}

function compareSteps(
  golden: GoldenCase,
  optimizer: Optimizer,
  tolerances: { readonly parameters: Tolerance; readonly state: Tolerance },
): Comparison[] {
  const parameters = floatsOf(golden.shared('common/p0')).slice();
  const gradients = floatsOf(golden.shared('common/grads'));
  const size = parameters.length;
  const updater = new native.Updater(optimizer, [FIRST_TENSOR, size - FIRST_TENSOR]);
  const comparisons: Comparison[] = [];
  for (let step = 1; step <= STEPS; step++) {
    updater.step(inTwo(parameters), inTwo(gradients.subarray((step - 1) * size, step * size)));
    if (!RECORDED_STEPS.includes(step)) continue;
    const tensor = `ref.${step}`;
    comparisons.push({
      tensor,
      got: parameters.slice(),
      ref: golden.tensor(tensor).data,
      tolerance: tolerances.parameters,
    });
  }
  for (const tensor of golden.tensorNames.filter((name) => name.startsWith('state.'))) {
    const place = updater.stateNames.indexOf(STATE_NAMES[tensor] ?? '');
    const got = updater.getState().flatMap((states) => Array.from(states[place] ?? []));
    comparisons.push({ tensor, got, ref: golden.tensor(tensor).data, tolerance: tolerances.state });
  }
  return comparisons;
}

function inTwo(values: Float32Array): Float32Array[] {
  return [values.subarray(0, FIRST_TENSOR), values.subarray(FIRST_TENSOR)];
}
