export type { EpochRecord, History } from './history.ts';
export { stopOnSignal } from './stop-on-signal.ts';
export { type FitOptions, Trainer, type TrainerOptions } from './trainer.ts';
export type { TrainingRun } from './training-run.ts';
