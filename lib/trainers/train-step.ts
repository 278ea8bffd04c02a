/** One step on a batch that the caller brings, on the caller's thread. */
import { types } from 'node:util';
import { callNative, GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, optional, readOptions } from '../core/options.ts';
import { sizeOf } from '../core/shape.ts';
import { Dataset } from '../datasets/dataset.ts';
import { copyWeights } from '../datasets/from-arrays.ts';
import { kindOf, type LabelData, readLabels } from '../datasets/labels.ts';
import type { AcceptsLabel, LabelsInfo, LossLabelKind } from '../losses/loss.ts';
import { stateOf } from '../models/model.ts';
import { inputNamesOf } from '../models/network.ts';
import type { Objective } from '../models/objective.ts';
import { readSamplesFor } from '../models/samples.ts';
import { readAsStored } from '../models/training-record.ts';
import type { NativeLabelledSamples } from '../native.ts';
import { ratesOf } from '../schedules/schedule.ts';
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
  labels: LabelData,
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
  const samples = callNative(() => readSamplesFor('trainStep', model, inputs));
  const batch = { ...samples, ...readTargets(objective, labels, sampleWeights, samples.count) };
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
function readTargets(
  { loss, outputShape }: Objective,
  given: LabelData,
  sampleWeights: Float32Array | undefined,
  count: number,
): Pick<NativeLabelledSamples, 'labels' | 'labelSize' | 'sampleWeights'> {
  if (!Array.isArray(given) && !types.isTypedArray(given)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `trainStep: labels must be a Uint8Array, an Int32Array, a Float32Array or an array, one label a sample, got ${formatValue(given)}`,
    );
  }
  const guess = kindOf(given) as LossLabelKind;
  const labelKind = (loss.labelKinds.includes(guess) ? guess : loss.labelKinds[0]) as LossLabelKind;
  const asked = { labels: given, labelKind, labelShape: undefined, classNames: undefined };
  const { labels = new Float32Array(), labelShape } = readLabels('trainStep', asked, count);
  const weights = copyWeights('trainStep', sampleWeights, count);
  const findWrong = (accepts: AcceptsLabel) => {
    const size = sizeOf(labelShape);
    for (let place = 0; place < count; place++) {
      const [first, end] = [place * size, (place + 1) * size];
      if (!accepts(labels, first, end)) return { place, values: [...labels.slice(first, end)] };
    }
    return undefined;
  };
  const info: LabelsInfo = {
    labelKind,
    labelShape,
    isWeighted: weights !== undefined,
    highestClass: (except) => highestBut(labels, except),
    findWrong,
  };
  const problem = loss.checkLabels(info, outputShape);
  if (problem !== undefined) throw new GradloomError(problem.code, `trainStep: in the batch ${problem.text}`);
  return { labels, labelSize: sizeOf(labelShape), ...(weights && { sampleWeights: weights }) };
}

function highestBut(labels: Iterable<number>, except: number | undefined): number {
  let highest = -1;
  for (const label of labels) if (label !== except && label > highest) highest = label;
  return highest;
}
