export type { ForkedInput, ForkedOutput, ForkOptions } from './fork.ts';
export type { Freeze } from './fork-layers.ts';
export type {
  DifferentiatedOutputs,
  GradientOptions,
  Gradients,
  GradientsOf,
  InputGradient,
  NamedGradients,
  OutputPlaces,
} from './gradient.ts';
export {
  type GraphOptions,
  graph,
  type HeadsOptions,
  type InputNodes,
  type InputShapes,
  type OutputNodes,
  type OutputShapes,
} from './graph.ts';
export { add, concat, dot, GraphNode, InputNode, inBatchNegatives, input, multiply } from './graph-node.ts';
export type { Classified, Predicted } from './heads.ts';
export { loadModel } from './load-model.ts';
export type { LoadPyTorchOptions, PyTorchReport } from './load-pytorch.ts';
export type { LoadReport, LoadWeightsOptions, MismatchedWeight, NameFilter } from './load-weights.ts';
export { type ResidualOptions, residual } from './make-layer.ts';
export { Model } from './model.ts';
export type { EvaluateOptions, Evaluation } from './objective.ts';
export type { PlanOptions } from './plan-options.ts';
export type { Classification, Predictions, PredictOptions } from './predictions.ts';
export type { ModuleMatch } from './pytorch-modules.ts';
export type { RawInputs, RawSamples, SampleRow } from './samples.ts';
export { type SequentialOptions, sequential } from './sequential.ts';
export type { InputReading } from './training-record.ts';
export type { Weight, Weights } from './weights.ts';
