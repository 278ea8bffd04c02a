export {
  type BatchRecord,
  type EndReason,
  type EpochRecord,
  type History,
  historyToCsv,
} from '../history/history.ts';
export { type CheckpointFile, listCheckpoints } from './checkpoints/checkpoint-folder.ts';
export type { CheckpointInfo, CheckpointOptions } from './checkpoints/checkpoint-options.ts';
export type { EarlyStoppingOptions } from './control/early-stopping.ts';
export type { MonitorOptions } from './control/monitor.ts';
export type { ReduceOnPlateauOptions } from './control/plateau.ts';
export { consoleLogger, csvLogger, jsonLinesLogger, type Logger, type LoggerChoice } from './logs/loggers.ts';
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
export type { FitOptions } from './run/fit-options.ts';
export type { ResumeOptions } from './run/resume.ts';
export { stopOnSignal } from './run/stop-on-signal.ts';
export type { TrainStepOptions } from './run/train-step.ts';
export type { TrainingRun } from './run/training-run.ts';
export type { AugmentOptions } from './step/augment.ts';
export type { ClipGradients } from './step/clip-gradients.ts';
export type { InspectOptions, StepInspection } from './step/inspect.ts';
export { Trainer, type TrainerOptions } from './trainer.ts';
