export {
  type BatchRecord,
  type EndReason,
  type EpochRecord,
  type History,
  historyToCsv,
} from '../history/history.ts';
export type { AugmentOptions } from './augment.ts';
export { type CheckpointFile, listCheckpoints } from './checkpoint-folder.ts';
export type { CheckpointInfo, CheckpointOptions } from './checkpoint-options.ts';
export type { ClipGradients } from './clip-gradients.ts';
export type { EarlyStoppingOptions } from './early-stopping.ts';
export type { FitOptions } from './fit-options.ts';
export type { InspectOptions, StepInspection } from './inspect.ts';
export { consoleLogger, csvLogger, jsonLinesLogger, type Logger, type LoggerChoice } from './loggers.ts';
export {
  FunctionOptimizer,
  type FunctionOptimizerOptions,
  type FunctionValue,
  type MinimizeOptions,
  type MinimizeStep,
  type Minimum,
  minimize,
  type ParameterStart,
} from './minimize.ts';
export type { MonitorOptions } from './monitor.ts';
export type { ReduceOnPlateauOptions } from './plateau.ts';
export type { ResumeOptions } from './resume.ts';
export { stopOnSignal } from './stop-on-signal.ts';
export type { TrainStepOptions } from './train-step.ts';
export { Trainer, type TrainerOptions } from './trainer.ts';
export type { TrainingRun } from './training-run.ts';
