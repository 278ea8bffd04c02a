/** What a model is measured by: a loss and metrics, and the labelled data that fit them. */
import { awaitNative, GradloomError } from '../core/errors.ts';
import { anything, formatValue, listOf, optional, withDefault } from '../core/options.ts';
import { formatShape, type InputShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import { anyPartsOf, Dataset } from '../datasets/dataset.ts';
import { nativeSamples } from '../datasets/native-samples.ts';
import type { AcceptsLabel, LabelsInfo, Loss, LossLabelKind, WrongLabel } from '../losses/loss.ts';
import { type LossChoice, makeLoss } from '../losses/make-loss.ts';
import { type MetricChoice, makeMetrics } from '../metrics/make-metrics.ts';
import type { Metric } from '../metrics/metric.ts';
import {
  type NativeEvaluation,
  type NativeLabelledSamples,
  type NativeModel,
  type NativeObjective,
  type NativePredictOptions,
  type NativeSamplesSeen,
  native,
} from '../native.ts';
import type { ModelState } from './model-state.ts';
import { endingOf, inputNamesOf, inputShapeOf, type Network } from './network.ts';
import { PREDICT_OPTIONS, type PredictOptions } from './predictions.ts';
import { checkSameReading, trainedLoss } from './training-record.ts';

export interface Objective {
  readonly loss: Loss;
  readonly metrics: readonly Metric[];
  readonly outputShape: Shape;
}

/** Of the samples of a set: the loss, and each metric that was asked for by its name, as `FiguresOf` types it. */
export type Evaluation<Figures = unknown> = { readonly loss: number } & Figures;

export interface EvaluateOptions<Metrics extends readonly MetricChoice[] = readonly MetricChoice[]>
  extends PredictOptions {
  /** Default: the loss that the model was trained with. */
  readonly loss?: LossChoice;
  /** Default: none. */
  readonly metrics?: Metrics;
}

export const EVALUATE_OPTIONS = {
  ...PREDICT_OPTIONS,
  loss: optional(anything('a loss such as "softmaxCrossEntropy"')),
  metrics: withDefault(anything('a list of metrics such as ["accuracy"]'), []),
};

/** Reads a loss and metrics for a network that gives `outputShape`. */
export function makeObjective(
  operation: string,
  network: Network,
  outputShape: Shape,
  given: { readonly loss: unknown; readonly metrics: unknown },
): Objective {
  const loss = makeLoss(operation, given.loss);
  const problem = loss.checkOutput(outputShape, endingOf(network));
  if (problem !== undefined) throw new GradloomError('INVALID_OPTION', `${operation}: ${problem}`);
  return { loss, metrics: makeMetrics(operation, given.metrics, loss, outputShape), outputShape };
}

/** As `makeObjective`, for a model; without a loss the one that it was trained with. */
export function objectiveOf(
  operation: string,
  { native: inner, network, training }: ModelState,
  { loss, metrics }: { readonly loss: unknown; readonly metrics: unknown },
): Objective {
  return makeObjective(operation, network, inner.outputShape, {
    loss: loss ?? trainedLoss(operation, training, 'name one: { loss: "softmaxCrossEntropy" }'),
    metrics,
  });
}

export function toNativeObjective({ loss, metrics, outputShape }: Objective): NativeObjective {
  return { loss: loss.toSpec(), metrics: metrics.map((metric) => metric.toSpec(loss, outputShape)) };
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
      `${operation}: ${name} must be a Dataset, got ${formatValue(given)}`,
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
  const problem = loss.checkLabels(labelsInfo(dataset), inner.outputShape);
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

function labelsInfo(dataset: Dataset<InputShape, LossLabelKind>): LabelsInfo {
  const { labelKind, labelShape } = dataset;
  const highestClass = (except?: number) =>
    labelKind === 'class'
      ? dataset.classCounts().findLastIndex((count, label) => count > 0 && label !== except)
      : -1;
  const isWeighted = anyPartsOf(dataset).sampleWeights !== undefined;
  return {
    labelKind,
    labelShape,
    isWeighted,
    highestClass,
    findWrong: (accepts) => findWrong(dataset, accepts),
  };
}

function findWrong(
  dataset: Dataset<InputShape, LossLabelKind>,
  accepts: AcceptsLabel,
): WrongLabel | undefined {
  const { labels = [], labelShape, rows } = anyPartsOf(dataset);
  const size = sizeOf(labelShape);
  for (let place = 0; place < dataset.length; place++) {
    const first = (rows?.[place] ?? place) * size;
    if (!accepts(labels, first, first + size))
      return { place, values: [...labels.slice(first, first + size)] };
  }
  return undefined;
}
