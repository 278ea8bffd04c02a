/** What a file holds of a trainer beside its model. */
import { GradloomError } from '../../core/errors.ts';
import {
  anything,
  integer,
  oneOf,
  optional,
  positive,
  readOptions,
  required,
  seed,
  withDefault,
} from '../../core/options.ts';
import type { InputShape } from '../../core/shape.ts';
import { HeadsLoss } from '../../losses/heads-loss.ts';
import type { Loss } from '../../losses/loss.ts';
import { makeLoss } from '../../losses/make-loss.ts';
import {
  type HeadMetrics,
  type MetricChoice,
  type MetricChoices,
  makeMetrics,
} from '../../metrics/make-metrics.ts';
import { explain, fileError, type ModelFile, readModelFile } from '../../models/files/model-file.ts';
import { buildModel, checkNothingLeft, parameterNames, selectTensors } from '../../models/load-model.ts';
import type { Model } from '../../models/model.ts';
import type { NativeParameterInfo, NativeTrainerState, Spec } from '../../native/index.ts';
import { makeOptimizer } from '../../optimizers/make-optimizer.ts';
import { hasFixedRate, type Optimizer } from '../../optimizers/optimizer.ts';
import { hasOther, makeOptimizers, type Optimizers } from '../../optimizers/several.ts';
import type { Schedule } from '../../schedules/schedule.ts';
import { type ClipGradients, clipGradients } from '../step/clip-gradients.ts';
import { type Custom, findLoss, findMetric } from './custom.ts';

/** The metadata `trainer`, plain data. The number of threads is the machine's matter and left out. */
export interface TrainerSettings {
  readonly optimizer: Optimizer;
  /** Of some parameters; absent in files from before. */
  readonly optimizers: Optimizers;
  readonly loss: Spec;
  readonly metrics: readonly Spec[];
  readonly seed: number;
  readonly nonFinite: 'stop' | 'skip' | 'ignore';
  readonly clipGradients: Required<ClipGradients> | undefined;
  readonly steps: number;
  readonly epochs: number;
  readonly rateScale: number;
}

export interface Checkpoint {
  readonly model: Model<InputShape>;
  readonly settings: Omit<TrainerSettings, 'loss' | 'metrics'> & {
    readonly loss: Loss;
    readonly metrics: MetricChoices;
  };
  /** The saved state, checked against the names and shapes of a new trainer's. */
  readState(fresh: readonly NativeParameterInfo[]): NativeTrainerState;
}

const SETTINGS = {
  optimizer: required(anything('an optimizer')),
  optimizers: withDefault(anything('an object of optimizers'), {}),
  loss: required(anything('a loss')),
  metrics: required(anything('a list of metrics')),
  seed: required(seed),
  nonFinite: required(oneOf('stop', 'skip', 'ignore')),
  clipGradients: optional(clipGradients),
  steps: required(integer(0)),
  epochs: required(integer(0)),
  rateScale: withDefault(positive, 1),
};

/** What a file does not hold, given again. */
export interface Given {
  readonly custom: Custom;
  readonly learningRate: number | Schedule | undefined;
}

export async function readCheckpoint(path: string, given: Given): Promise<Checkpoint> {
  return toCheckpoint(path, await readModelFile(path), given);
}

/** What a file that was read holds of a trainer. */
export async function toCheckpoint(path: string, file: ModelFile, given: Given): Promise<Checkpoint> {
  if (file.trainer === undefined) {
    throw fileError(path, 'it holds a model without a trainer; read it with loadModel');
  }
  const model = await buildModel(path, file);
  refuseOtherRate(path, file, given.learningRate);
  const settings = explain(path, 'trainer', () => readSettings(file.trainer, model, given));
  const readState = (fresh: readonly NativeParameterInfo[]): NativeTrainerState => {
    const state = selectTensors(path, file.tensors, fresh);
    checkNothingLeft(path, file.tensors, [...parameterNames(model), ...Object.keys(state)]);
    const tensors = Object.entries(state).map(([name, { data, shape }]) => ({ name, data, shape }));
    return { steps: settings.steps, epochs: settings.epochs, rateScale: settings.rateScale, tensors };
  };
  return { model, settings, readState };
}

function refuseOtherRate(path: string, file: ModelFile, learningRate: Given['learningRate']): void {
  const { optimizer, optimizers = {} } = file.trainer as {
    readonly optimizer?: Partial<Optimizer>;
    readonly optimizers?: Optimizers;
  };
  if (learningRate === undefined || typeof optimizer?.kind !== 'string') return;
  // Rows that were not touched for some steps are still to be caught up on, at the rate of these steps.
  const isBehind = Object.keys(file.tensors).some(
    (name) => name.endsWith('.lastStep') && !hasOther(optimizers, name.slice(0, -'.lastStep'.length)),
  );
  if ((isBehind || hasFixedRate({ kind: optimizer.kind })) && optimizer.learningRate !== learningRate) {
    throw new GradloomError(
      'INVALID_OPTION',
      `learningRate: ${path} was trained by ${optimizer.kind}, whose state holds for the rate ${optimizer.learningRate} only; leave it out, or begin with a new trainer`,
    );
  }
}

function readSettings(
  saved: unknown,
  { outputShape }: Model<InputShape>,
  { custom, learningRate }: Given,
): Checkpoint['settings'] {
  const {
    optimizer,
    optimizers,
    loss: lossSpec,
    metrics,
    ...numbers
  } = readOptions('trainer', saved as object, SETTINGS);
  const loss = findLoss(makeLoss('trainer', lossSpec), custom);
  const descriptions = Array.isArray(metrics) ? metrics.map((metric) => findMetric(metric, custom)) : [];
  return {
    ...numbers,
    optimizer: makeOptimizer(
      'trainer',
      learningRate === undefined ? optimizer : { ...(optimizer as object), learningRate },
    ),
    optimizers: makeOptimizers('trainer', optimizers),
    loss,
    metrics:
      loss instanceof HeadsLoss
        ? metricsByHead(descriptions)
        : makeMetrics('trainer', descriptions, loss, outputShape),
  };
}

/** The descriptions of a file, which a trainer reads as it reads a user's. */
function metricsByHead(descriptions: readonly unknown[]): HeadMetrics {
  const byHead: Record<string, MetricChoice[]> = {};
  for (const { head, metric } of descriptions as readonly { head: string; metric: MetricChoice }[]) {
    byHead[head] = [...(byHead[head] ?? []), metric];
  }
  return byHead;
}
