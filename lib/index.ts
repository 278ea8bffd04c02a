/**
 * Trains neural networks inside Node.js at the speed of the machine.
 *
 * @module gradloom
 */
export { GradloomError, type GradloomErrorCode } from './core/errors.ts';
export type { InputShape, NamedShapes, OneShape, Shape } from './core/shape.ts';
export type { AnyDataset } from './datasets/dataset.ts';
export * from './datasets/index.ts';
export * from './estimators/index.ts';
export type { EpochFacts, ValidationRecord } from './history/history.ts';
export type { Activation, Kernel } from './layers/activation.ts';
export type { GivenValues } from './layers/given-values.ts';
export * from './layers/index.ts';
export type { Initializer } from './layers/initializer.ts';
export type { Layer, NamedOptions } from './layers/layer.ts';
export type { ConcatOptions, InBatchNegativesOptions } from './layers/merging.ts';
export type { Regularizer } from './layers/regularizer.ts';
export type { Padding, Pair } from './layers/window.ts';
export {
  type CustomLossContext,
  type CustomLossOptions,
  type CustomLossResult,
  customLoss,
} from './losses/custom-loss.ts';
export * from './losses/index.ts';
export { meanAbsoluteError as meanAbsoluteErrorLoss } from './losses/index.ts';
export type { Loss, LossLabelKind } from './losses/loss.ts';
export type {
  HeadLosses,
  LabelKindOf,
  LabelKindOfStated,
  LossChoice,
  OutputsOf,
} from './losses/make-loss.ts';
export type { ClassAverage, ClassFigureOptions } from './metrics/class-figure.ts';
export {
  type CustomMetricOptions,
  customMetric,
  type MetricPredictions,
  type MetricTargets,
} from './metrics/custom-metric.ts';
export * from './metrics/index.ts';
// A metric and a loss have this name; the loss goes by `meanAbsoluteErrorLoss`, or by its name as a string.
export { meanAbsoluteError } from './metrics/index.ts';
export type {
  FiguresFor,
  FiguresOf,
  HeadMetrics,
  Merged,
  MetricChoice,
  MetricChoices,
} from './metrics/make-metrics.ts';
export type { Figure, Metric } from './metrics/metric.ts';
export type { RankingOptions } from './metrics/ranking.ts';
export * from './models/index.ts';
export type { OutputShapeOf } from './models/network/output-shape.ts';
export type {
  NativeInfo as Info,
  NativeLayerInfo as LayerInfo,
  NativeParameterFigures as ParameterFigures,
  NativePlanInfo as Plan,
  NativePlanRow as PlanRow,
} from './native/index.ts';
export { info } from './native/info.ts';
export type { CommonOptions as OptimizerOptions } from './optimizers/common.ts';
export type { NamedGroup, ParameterGroup } from './optimizers/groups.ts';
export * from './optimizers/index.ts';
export type { Optimizer } from './optimizers/optimizer.ts';
export type { Optimizers } from './optimizers/several.ts';
export type { SpanOptions } from './schedules/decay.ts';
export * from './schedules/index.ts';
export type { LearningRate } from './schedules/learning-rate.ts';
export type { Schedule } from './schedules/schedule.ts';
export * from './text/index.ts';
export * from './trainers/index.ts';
export * from './word-vectors/index.ts';
