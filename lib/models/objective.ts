/** What a model is measured by: a loss and metrics, and the labelled data that fit them. */
import { awaitNative, GradloomError } from '../core/errors.ts';
import { anything, formatValue, listOf, optional, withDefault } from '../core/options.ts';
import { formatShape, type InputShape, type Shape, sameShape } from '../core/shape.ts';
import { anyPartsOf, Dataset } from '../datasets/dataset.ts';
import { nativeSamples } from '../datasets/native-samples.ts';
import { HeadsLoss, makeHeadsLoss } from '../losses/heads-loss.ts';
import type { Loss, LossLabelKind } from '../losses/loss.ts';
import { type HeadLosses, type LossChoice, makeLoss } from '../losses/make-loss.ts';
import { HeadLossFigure } from '../metrics/head-metric.ts';
import {
  type MetricChoice,
  type MetricChoices,
  makeHeadMetrics,
  makeMetrics,
} from '../metrics/make-metrics.ts';
import type { Metric } from '../metrics/metric.ts';
import {
  type NativeEvaluation,
  type NativeLabelledSamples,
  type NativeModel,
  type NativeObjective,
  type NativePredictOptions,
  type NativeSamplesSeen,
  native,
} from '../native/index.ts';
import { labelsInfoOf } from './labels-info.ts';
import type { ModelState } from './model-state.ts';
import { endingOf, inputNamesOf, inputShapeOf } from './network/network.ts';
import { PREDICT_OPTIONS, type PredictOptions } from './predictions.ts';
import { checkSameReading, trainedLoss } from './training-record.ts';

export interface Objective {
  readonly loss: Loss;
  readonly metrics: readonly Metric[];
  readonly outputShape: Shape;
}

/** Of the samples of a set: the loss, and each metric that was asked for by its name, as `FiguresOf` types it. */
export type Evaluation<Figures = unknown> = { readonly loss: number } & Figures;

export interface EvaluateOptions<Metrics extends MetricChoices = readonly MetricChoice[]>
  extends PredictOptions {
  /** Default: the loss that the model was trained with. */
  readonly loss?: LossChoice | HeadLosses;
  /** As of a `Trainer`; goes with `loss`. */
  readonly lossWeights?: Readonly<Record<string, number>>;
  /** Default: none. */
  readonly metrics?: Metrics;
}

export const EVALUATE_OPTIONS = {
  ...PREDICT_OPTIONS,
  loss: optional(anything('a loss such as "softmaxCrossEntropy"')),
  lossWeights: optional(anything('weights of losses by head')),
  metrics: withDefault(anything('a list of metrics such as ["accuracy"]'), []),
};

/** Reads a loss and metrics for a model; of several heads by their names. */
export function makeObjective(
  operation: string,
  { network, native: inner, heads }: Pick<ModelState, 'network' | 'native' | 'heads'>,
  given: { readonly loss: unknown; readonly lossWeights: unknown; readonly metrics: unknown },
): Objective {
  const { outputShape } = inner;
  if (heads !== undefined) {
    const make = (each: unknown) => makeLoss(operation, each);
    const { loss: losses, lossWeights: weights } = given;
    const loss =
      losses instanceof HeadsLoss && weights === undefined
        ? losses
        : makeHeadsLoss(operation, heads, { losses, weights }, make);
    return { loss, metrics: makeHeadMetrics(operation, given.metrics, loss, heads), outputShape };
  }
  if (given.lossWeights !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: lossWeights are for models with several heads, graph({ outputs }); leave them out`,
    );
  }
  const loss = makeLoss(operation, given.loss);
  const problem = loss.checkOutput(outputShape, endingOf(network));
  if (problem !== undefined) throw new GradloomError('INVALID_OPTION', `${operation}: ${problem}`);
  return { loss, metrics: makeMetrics(operation, given.metrics, loss, outputShape), outputShape };
}

/** As `makeObjective`, for a model; without a loss the one that it was trained with. */
export function objectiveOf(
  operation: string,
  state: ModelState,
  {
    loss,
    lossWeights,
    metrics,
  }: { readonly loss: unknown; readonly lossWeights: unknown; readonly metrics: unknown },
): Objective {
  return makeObjective(operation, state, {
    loss: loss ?? trainedLoss(operation, state.training, 'name one: { loss: "softmaxCrossEntropy" }'),
    lossWeights,
    metrics,
  });
}

export function toNativeObjective({ loss, metrics, outputShape }: Objective): NativeObjective {
  const computed = metrics.filter((metric) => !(metric instanceof HeadLossFigure));
  return { loss: loss.toSpec(), metrics: computed.map((metric) => metric.toSpec(loss, outputShape)) };
}

/** Where no metric asked for them. */
const NO_SAMPLES: NativeSamplesSeen = { count: 0, outputs: new Float32Array(), labels: new Float32Array() };

export function toEvaluation<Figures>(
  metrics: readonly Metric[],
  { loss, metrics: figures, samples = NO_SAMPLES }: NativeEvaluation,
): Evaluation<Figures> {
  const named = metrics.map((metric, index) => [metric.kind, metric.read(figures[index] ?? null, samples)]);
  return Object.freeze({ loss, ...Object.fromEntries(named) }) as Evaluation<Figures>;
}

/** Loss and metrics of a model over labelled samples, on a thread of its own. */
export async function evaluateObjective<Figures>(
  model: NativeModel,
  objective: Objective,
  samples: NativeLabelledSamples,
  settings: NativePredictOptions,
): Promise<Evaluation<Figures>> {
  const calls = objective.loss.startCalls();
  const described = { ...toNativeObjective(objective), lossFunction: calls?.compute };
  const result = await awaitNative(() => native.evaluate(model, described, samples, settings)).catch(
    (error: unknown) => {
      const failure = calls?.failure();
      throw failure === undefined ? error : failure.error;
    },
  );
  return toEvaluation(objective.metrics, result);
}

/** Checks that `given` is a dataset of a model's samples; `name` says in errors which argument it was. */
export function checkDataset(
  operation: string,
  name: string,
  given: unknown,
  inputShape: InputShape,
): Dataset<InputShape> {
  if (!(given instanceof Dataset)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: ${name} must be a Dataset, got ${formatValue(given)}${hintFor(given)}`,
    );
  }
  if (!sameShape(given.inputShape, inputShape)) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: ${name} has samples of shape ${formatShape(given.inputShape)}, the model takes ${formatShape(inputShape)}`,
    );
  }
  return given;
}

/** What makes a dataset, or a stream where that is taken, of what was given. */
function hintFor(given: unknown): string {
  if (Array.isArray(given)) return '; fromArrays, fromSparse, fromRows or fromTexts makes one';
  const isStream = typeof given === 'object' && given !== null && Symbol.asyncIterator in given;
  return isStream ? '; fromStream makes a stream for fit of an async iterable' : '';
}

/**
 * Checks that a loss can compare `outputShape` with the labels of a dataset, and gives it to the native side.
 */
export function readLabelled(
  operation: string,
  name: string,
  dataset: Dataset<InputShape>,
  loss: Loss,
  { network, native: inner }: Pick<ModelState, 'network' | 'native'>,
): NativeLabelledSamples {
  if (!hasLabelsFor(dataset, loss)) {
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: ${loss.kind} takes labels of kind ${listOf(loss.labelKinds.map(formatValue), 'or')}, ${name} has "${dataset.labelKind}"`,
    );
  }
  const problem = loss.checkLabels(labelsInfoOf(anyPartsOf(dataset), dataset.length), inner.outputShape);
  if (problem !== undefined) {
    throw new GradloomError(problem.code, `${operation}: in ${name} ${problem.text}`);
  }
  return nativeSamples(dataset, inputNamesOf(network));
}

/** Labelled samples for a model, read as the data that it was trained on were. */
export function readLabelledFor(
  operation: string,
  state: ModelState,
  dataset: unknown,
  loss: Loss,
): NativeLabelledSamples {
  const { network, training } = state;
  const checked = checkDataset(operation, 'the dataset', dataset, inputShapeOf(network));
  if (training !== undefined) {
    checkSameReading(operation, ['the dataset', checked], ["the model's training data", training]);
  }
  return readLabelled(operation, 'the dataset', checked, loss, state);
}

function hasLabelsFor(
  dataset: Dataset<InputShape>,
  loss: Loss,
): dataset is Dataset<InputShape, LossLabelKind> {
  return loss.labelKinds.some((kind) => kind === dataset.labelKind);
}
