/** A look at what a run's steps do to each parameter. */
import { extent, guardedBy, readOptions, required, withDefault } from '../../core/options.ts';
import type { NativeInspectionEvent, NativeParameterFigures } from '../../native/index.ts';

export interface StepInspection {
  /** From 1, counted over all runs of the trainer. */
  readonly step: number;
  /** Of this step, before what groups make of it. */
  readonly learningRate: number;
  readonly parameters: readonly NativeParameterFigures[];
}

export interface InspectOptions {
  /** Default: 100. */
  readonly everySteps?: number;
  /** What it throws ends the run with that error. */
  readonly onStep: (inspection: StepInspection) => unknown;
}

const OPTIONS = {
  everySteps: withDefault(extent, 100),
  onStep: required(
    guardedBy('a function', (given): given is InspectOptions['onStep'] => typeof given === 'function'),
  ),
};

export function readInspectOptions(operation: string, given: unknown) {
  return given === undefined ? undefined : readOptions(`${operation}: inspect`, given as object, OPTIONS);
}

export function toStepInspection({ type: _, ...inspection }: NativeInspectionEvent): StepInspection {
  return Object.freeze(inspection);
}
