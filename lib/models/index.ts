export type { ForkOptions } from './fork.ts';
export type { GradientOptions, Gradients } from './gradient.ts';
export { loadModel } from './load-model.ts';
export type { LoadPyTorchOptions, PyTorchReport } from './load-pytorch.ts';
export type { LoadReport, LoadWeightsOptions, MismatchedWeight, NameFilter } from './load-weights.ts';
export {
  type Classification,
  type EvaluateOptions,
  Model,
  type PlanOptions,
  type Predictions,
  type PredictOptions,
} from './model.ts';
export type { Evaluation } from './objective.ts';
export type { ModuleMatch } from './pytorch-modules.ts';
export type { RawSamples, SampleRow } from './samples.ts';
export { type SequentialOptions, sequential } from './sequential.ts';
export type { Weight, Weights } from './weights.ts';
