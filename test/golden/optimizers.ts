import { native } from '../../lib/native/index.ts';
import {
  adadelta,
  adagrad,
  adagradDualAveraging,
  adagradNorm,
  adam,
  adamW,
  ftrl,
  proximalAdagrad,
  rmsprop,
  sgd,
} from '../../lib/optimizers/index.ts';
import { type Optimizer, toNativeOptimizer } from '../../lib/optimizers/optimizer.ts';
import { floatsOf, type GoldenCase } from './fixtures.ts';
import { type Comparison, TOLERANCES, type Tolerance } from './tolerances.ts';

type Attributes = GoldenCase['attrs'];
type Names = Readonly<Record<string, string>>;

/** What torch calls an option and a state, and what Gradloom calls them. What is left out stands at each side's default. */
const COMMON = { lr: 'learningRate', weight_decay: 'weightDecay', eps: 'epsilon' };
const ADAGRAD_NAMES: Names = {
  ...COMMON,
  lr_decay: 'learningRateDecay',
  initial_accumulator_value: 'initialAccumulator',
  epsilon: 'epsilon',
};
const SGD_NAMES: Names = { ...COMMON, momentum: 'momentum', dampening: 'dampening', nesterov: 'nesterov' };
const RMSPROP_NAMES: Names = { ...COMMON, alpha: 'smoothing', centered: 'centered', momentum: 'momentum' };
const ADADELTA_NAMES: Names = { ...COMMON, rho: 'smoothing' };
const ADAM_NAMES: Names = { ...COMMON, amsgrad: 'amsgrad' };
const PENALTY_NAMES: Names = {
  lr: 'learningRate',
  alpha: 'learningRate',
  beta: 'beta',
  initial_accumulator_value: 'initialAccumulator',
  l1: 'l1',
  l2: 'l2',
  b0: 'initialNorm',
};
const STATE_NAMES: Names = {
  'state.sum.50': 'accumulator',
  'state.momentum_buffer.50': 'momentum',
  'state.square_avg.50': 'squareAverage',
  'state.grad_avg.50': 'gradientAverage',
  'state.acc_delta.50': 'updateAverage',
  'state.exp_avg.50': 'firstMoment',
  'state.exp_avg_sq.50': 'secondMoment',
  'state.max_exp_avg_sq.50': 'maximumSecondMoment',
  'state.grad_sum.50': 'gradientSum',
  'state.z.50': 'linear',
  'state.n.50': 'accumulator',
  'state.b2.50': 'accumulator',
};

const STEPS = 50;
const RECORDED_STEPS = [1, 2, 10, 50];
/** The rules work value by value, so the parameters may be cut in two: a count of steps per tensor would show. */
const FIRST_TENSOR = 14;

/** torch's optimizers that Gradloom has. */
export const OPTIMIZERS: Readonly<Record<string, (attributes: Attributes) => Optimizer>> = {
  Adagrad: (attributes) => adagrad(translate(attributes, ADAGRAD_NAMES)),
  SGD: (attributes) => sgd(translate(attributes, SGD_NAMES)),
  RMSprop: (attributes) => rmsprop(translate(attributes, RMSPROP_NAMES)),
  Adadelta: (attributes) => adadelta(translate(attributes, ADADELTA_NAMES)),
  Adam: ({ betas, ...attributes }) => adam({ ...translate(attributes, ADAM_NAMES), ...betasOf(betas) }),
  AdamW: ({ betas, ...attributes }) => adamW({ ...translate(attributes, ADAM_NAMES), ...betasOf(betas) }),
};

function betasOf(betas: unknown): object {
  if (betas === undefined) return {};
  const [beta1, beta2] = betas as readonly [number, number];
  return { beta1, beta2 };
}

/** Rules that torch lacks, from weights of 0 where the fixture says so. */
const SPEC_OPTIMIZERS: Readonly<Record<string, (attributes: Attributes) => Optimizer>> = {
  proximal_adagrad: (attributes) => proximalAdagrad(translate(attributes, PENALTY_NAMES)),
  adagrad_da: (attributes) => adagradDualAveraging(translate(attributes, PENALTY_NAMES)),
  // Keras writes the penalty l2 w^2, without our half.
  ftrl: ({ l2_multiplier, l2, ...attributes }) =>
    ftrl({
      ...translate(attributes, PENALTY_NAMES),
      l2: (l2_multiplier as number) * (l2 as number),
    }),
  adagrad_norm: (attributes) => adagradNorm(translate(attributes, PENALTY_NAMES)),
};

export const SPEC_RUNNERS = Object.fromEntries(
  Object.entries(SPEC_OPTIMIZERS).map(([op, make]) => [
    op,
    (golden: GoldenCase) => {
      const tolerances = { parameters: TOLERANCES.specOptimizer, state: TOLERANCES.specOptimizer };
      return compareSteps(golden, make(golden.attrs), tolerances);
    },
  ]),
);

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
  return (golden) => {
    const parameters = golden.op === 'AdamW' ? TOLERANCES.adamWParameters : TOLERANCES.optimizerParameters;
    return compareSteps(golden, make(golden.attrs), { parameters, state: TOLERANCES.optimizerState });
  };
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
  const startsAtZero = ['adagrad_da', 'ftrl'].includes(golden.op);
  const [start, gradients] = ['common/p0', 'common/grads'].map((name) => floatsOf(golden.shared(name))) as [
    Float32Array,
    Float32Array,
  ];
  const parameters = startsAtZero ? new Float32Array(start.length) : start.slice();
  const size = parameters.length;
  const isWhole = golden.op === 'adagrad_norm';
  const cutsInTwo = !isWhole && parameters.length > FIRST_TENSOR;
  const split = cutsInTwo ? inTwo : (values: Float32Array) => [values];
  const updater = new native.Updater({
    optimizer: toNativeOptimizer(optimizer),
    shapes: cutsInTwo ? [[FIRST_TENSOR], [size - FIRST_TENSOR]] : [[size]],
    threads: 1,
    nonFinite: 'stop',
  });
  const comparisons: Comparison[] = [];
  for (let step = 1; step <= STEPS; step++) {
    updater.step(split(parameters), split(gradients.subarray((step - 1) * size, step * size)));
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
