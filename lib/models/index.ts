export type { LoadPyTorchOptions, PyTorchReport } from './files/load-pytorch.ts';
export type { LoadReport, LoadWeightsOptions, MismatchedWeight, NameFilter } from './files/load-weights.ts';
export type { ModuleMatch } from './files/pytorch-modules.ts';
export type { Weight, Weights } from './files/weights.ts';
export type { ForkedInput, ForkedOutput, ForkOptions } from './fork.ts';
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
export type { Classified, Predicted } from './heads.ts';
export { loadModel } from './load-model.ts';
export { Model } from './model.ts';
export type { Freeze } from './network/fork-layers.ts';
export {
  add,
  concat,
  dot,
  GraphNode,
  InputNode,
  inBatchNegatives,
  input,
  multiply,
} from './network/graph-node.ts';
export { type ResidualOptions, residual } from './network/make-layer.ts';
export type { EvaluateOptions, Evaluation } from './objective.ts';
export type { PlanOptions } from './plan-options.ts';
export type { Classification, Predictions, PredictOptions } from './predictions.ts';
export type { RawInputs, RawSamples, SampleRow } from './samples.ts';
export { type SequentialOptions, sequential } from './sequential.ts';
export type { InputReading } from './training-record.ts';
