/** One step on a batch that the caller brings, on the caller's thread. */
import { types } from 'node:util';
import { callNative, GradloomError } from '../../core/errors.ts';
import { formatValue, guardedBy, optional, readOptions } from '../../core/options.ts';
import { sizeOf } from '../../core/shape.ts';
import { copyWeights } from '../../datasets/arrays/from-arrays.ts';
import { Dataset } from '../../datasets/dataset.ts';
import { kindOf, type LabelData, readLabels } from '../../datasets/values/labels.ts';
import { readTargets, type TargetData } from '../../datasets/values/targets.ts';
import { HeadsLoss, kindFor } from '../../losses/heads-loss.ts';
import type { Loss } from '../../losses/loss.ts';
import { labelsInfoOf } from '../../models/labels-info.ts';
import { stateOf } from '../../models/model.ts';
import { checkNotDisposed } from '../../models/model-state.ts';
import { inputNamesOf } from '../../models/network/network.ts';
import type { Objective } from '../../models/objective.ts';
import { readSamplesFor } from '../../models/samples.ts';
import { readAsStored } from '../../models/training-record.ts';
import type { NativeLabelledSamples } from '../../native/index.ts';
import { ratesOf } from '../../schedules/schedule.ts';
import type { TrainerParts } from './start-run.ts';

export interface TrainStepOptions {
  /** What each sample counts in the loss, as in `fromArrays`. Default: 1 for all. */
  readonly sampleWeights?: Float32Array;
}

const OPTIONS = { sampleWeights: optional(guardedBy('a Float32Array', types.isFloat32Array)) };
const NO_OPTIONS = readOptions('trainStep', {}, OPTIONS);

/** The loss of the batch before the update. */
export function trainStep(
  trainer: TrainerParts,
  inputs: unknown,
  labels: LabelData | TargetData,
  given: TrainStepOptions | undefined,
): number {
  const { native, objective, facts } = trainer;
  const { sampleWeights } = given === undefined ? NO_OPTIONS : readOptions('trainStep', given, OPTIONS);
  const model = stateOf(trainer.model);
  if (inputs instanceof Dataset) {
    throw new GradloomError(
      'INVALID_OPTION',
      'trainStep: inputs must be the samples of one batch, as predict takes them, got a Dataset; train on that with fit',
    );
  }
  checkNotDisposed(model);
  const samples = readSamplesFor('trainStep', model, inputs);
  const batch = { ...samples, ...readLabelsFor(objective, labels, sampleWeights, samples.count) };
  const { learningRate } = facts.optimizer;
  const calls = objective.loss.startCalls();
  try {
    const loss = callNative(() =>
      native.trainStep(batch, {
        lossFunction: calls?.compute,
        learningRate:
          typeof learningRate === 'number' ? undefined : ratesOf(learningRate, native.steps, 1)[0],
      }),
    );
    if (model.training?.loss !== objective.loss) {
      const reading = model.training ?? readAsStored(inputNamesOf(model.network));
      model.training = { ...reading, loss: objective.loss };
    }
    return loss;
  } catch (error) {
    const failure = calls?.failure();
    throw failure === undefined ? error : failure.error;
  }
}

/** Labels as the loss wants them: numbers are targets to one that knows no classes. */
function readLabelsFor(
  { loss, outputShape }: Objective,
  given: LabelData | TargetData,
  sampleWeights: Float32Array | undefined,
  count: number,
): Pick<NativeLabelledSamples, 'labels' | 'labelSize' | 'sampleWeights'> {
  const read =
    loss instanceof HeadsLoss
      ? readTargets('trainStep', 'labels', given, count, (name, guess) => loss.kindFor(name, guess))
      : readOne(loss, given, count);
  const weights = copyWeights('trainStep', sampleWeights, count);
  const problem = loss.checkLabels(labelsInfoOf({ ...read, sampleWeights: weights }, count), outputShape);
  if (problem !== undefined) throw new GradloomError(problem.code, `trainStep: in the batch ${problem.text}`);
  const { labels = new Float32Array(), labelShape } = read;
  return { labels, labelSize: sizeOf(labelShape), ...(weights && { sampleWeights: weights }) };
}

function readOne(loss: Loss, given: LabelData | TargetData, count: number) {
  if (!Array.isArray(given) && !types.isTypedArray(given)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `trainStep: labels must be a Uint8Array, an Int32Array, a Float32Array or an array, one label a sample, got ${formatValue(given)}`,
    );
  }
  const labels = given as LabelData;
  const labelKind = kindFor(loss, kindOf(labels) as 'class' | 'values');
  return readLabels('trainStep', { labels, labelKind, labelShape: undefined, classNames: undefined }, count);
}
