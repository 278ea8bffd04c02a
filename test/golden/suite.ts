/** Runs every case that Gradloom implements and says how far each is from its reference. */
import {
  elu,
  gelu,
  leakyRelu,
  logSoftmax,
  relu,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
} from '../../lib/layers/index.ts';
import {
  hinge,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  sigmoidBinaryCrossEntropy,
  smoothL1,
  softmaxCrossEntropy,
  squaredHinge,
} from '../../lib/losses/index.ts';
import type { Loss } from '../../lib/losses/loss.ts';
import { compareActivation } from './activations.ts';
import { compareAveragePool2d, compareGlobalAveragePool2d } from './average-pool-2d.ts';
import { compareBatchNorm } from './batch-norm.ts';
import { compareClip } from './clip.ts';
import { compareEmbedding, compareEmbeddingBag } from './embedding.ts';
import type { GoldenCase } from './fixtures.ts';
import { compareFlatten } from './flatten.ts';
import { compareLayerNorm } from './layer-norm.ts';
import { compareLoss, listFrom } from './losses.ts';
import { compareMaxPool2d } from './max-pool-2d.ts';
import { compareKerasAdagrad, compareTorchOptimizer, OPTIMIZERS, SPEC_RUNNERS } from './optimizers.ts';
import { compareConv2d, compareDense } from './products.ts';
import { compareSchedule } from './schedules.ts';
import { compareLazyProximal, compareRowwiseAdagrad, compareSparseAdagrad } from './sparse-optimizers.ts';
import { type Comparison, deviationOf } from './tolerances.ts';
import { compareTrajectory } from './trajectories.ts';
import { compareGlove, compareSkipGram } from './word-vectors.ts';

/** Computes what a case records; undefined for one that Gradloom cannot express. */
type Runner = (golden: GoldenCase) => Comparison[] | undefined | Promise<Comparison[] | undefined>;

const RUNNERS: Readonly<Record<string, Runner>> = {
  dense: compareDense,
  conv2d: compareConv2d,
  maxpool2d: compareMaxPool2d,
  flatten: compareFlatten,
  relu: compareActivation(() => relu()),
  tanh: compareActivation(() => tanh()),
  sigmoid: compareActivation(() => sigmoid()),
  softmax: compareActivation(() => softmax()),
  leaky_relu: compareActivation(({ slope }) => leakyRelu({ slope: slope as number })),
  elu: compareActivation(({ alpha }) => elu({ alpha: alpha as number })),
  gelu: compareActivation(({ approximate }) => gelu({ approximate: approximate as 'none' | 'tanh' })),
  silu: compareActivation(() => silu()),
  softplus: compareActivation(() => softplus()),
  log_softmax: compareActivation(() => logSoftmax()),
  avgpool2d: compareAveragePool2d,
  'Adagrad(sparse)': compareSparseAdagrad,
  rowwise_adagrad: compareRowwiseAdagrad,
  embedding: compareEmbedding,
  embedding_bag: compareEmbeddingBag,
  global_avgpool2d: compareGlobalAveragePool2d,
  batchnorm: compareBatchNorm,
  layernorm: compareLayerNorm,
  softmax_cross_entropy: compareLoss(softmaxOf, 'sample'),
  bce_with_logits: compareLoss(
    (golden) => sigmoidBinaryCrossEntropy({ positiveWeight: listFrom(golden, 'pos_weight') ?? 1 }),
    'output',
  ),
  mse: compareLoss(meanSquaredError, 'output'),
  l1: compareLoss(meanAbsoluteError, 'output'),
  huber: compareLoss(({ attrs }) => huber({ delta: attrs.delta as number }), 'output'),
  smooth_l1: compareLoss(({ attrs }) => smoothL1({ beta: attrs.beta as number }), 'output'),
  hinge: compareLoss(hinge, 'output'),
  squared_hinge: compareLoss(squaredHinge, 'output'),
  ...Object.fromEntries(
    Object.entries(OPTIMIZERS).map(([kind, make]) => [kind, compareTorchOptimizer(make)]),
  ),
  keras_adagrad: compareKerasAdagrad,
  ...SPEC_RUNNERS,
  lazy_proximal_adagrad: compareLazyProximal,
  clip_grad: compareClip,
  lr_schedule: compareSchedule,
  trajectory: compareTrajectory,
  glove: compareGlove,
  skipgram_negative_sampling: compareSkipGram,
};

function softmaxOf(golden: GoldenCase): Loss {
  const { label_smoothing, ignore_index, soft } = golden.attrs;
  const classWeights = listFrom(golden, 'weight');
  const spread = {
    labelSmoothing: (label_smoothing as number | undefined) ?? 0,
    ...(classWeights === undefined ? {} : { classWeights }),
  };
  if (soft === true) return softmaxCrossEntropy({ ...spread, targets: 'distributions' });
  return softmaxCrossEntropy({
    ...spread,
    ...(ignore_index === undefined ? {} : { ignoreIndex: ignore_index as number }),
  });
}

export interface Outcome {
  readonly name: string;
  readonly op: string;
  readonly verdict: 'within tolerance' | 'failed';
  /** The largest error as a part of what is allowed. */
  readonly share: number;
  /** What is wrong, a line each. */
  readonly complaints: readonly string[];
}

export async function runCase(golden: GoldenCase): Promise<Outcome> {
  const { name, op } = golden;
  const fail = (complaint: string): Outcome => {
    return { name, op, verdict: 'failed', share: Number.POSITIVE_INFINITY, complaints: [complaint] };
  };
  let comparisons: Comparison[] | undefined;
  try {
    comparisons = await RUNNERS[op]?.(golden);
  } catch (error) {
    return fail(String(error));
  }
  if (comparisons === undefined) return fail(`nothing computes this case of "${op}"`);
  const complaints = [...complaintsOf(comparisons), ...omissionsOf(golden, comparisons)];
  const share = Math.max(...comparisons.map((comparison) => deviationOf(comparison).share));
  return { name, op, verdict: complaints.length === 0 ? 'within tolerance' : 'failed', share, complaints };
}

function complaintsOf(comparisons: readonly Comparison[]): string[] {
  return comparisons.flatMap((comparison) => {
    const { share, index } = deviationOf(comparison);
    if (share <= 1) return [];
    const { tensor, got, ref, tolerance } = comparison;
    const place =
      got.length === ref.length
        ? `[${index}] got ${got[index]}, ref ${ref[index]}`
        : `has ${got.length} values, ref ${ref.length}`;
    return [`${tensor} ${place}: ${share.toPrecision(3)} times the tolerance (${tolerance.measure})`];
  });
}

/** A runner that forgets an output must not look as if it had passed. */
function omissionsOf(golden: GoldenCase, comparisons: readonly Comparison[]): string[] {
  const compared = comparisons.map(({ tensor }) => tensor);
  const recorded = golden.outputs ?? golden.tensorNames.filter((name) => /^(ref|state)\./.test(name));
  return recorded
    .filter((output) => !compared.includes(output))
    .map((output) => `${output} was not compared`);
}
