/** What a run trains on and is judged by: sets and streams, checked against the model, the loss and what was trained on before. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, listOf } from '../../core/options.ts';
import { formatShape, type InputShape, sameShape } from '../../core/shape.ts';
import { type AnyDataset, Dataset } from '../../datasets/dataset.ts';
import { SampleStream } from '../../datasets/streams/stream.ts';
import type { ModelState } from '../../models/model-state.ts';
import { checkDataset, type Objective, readLabelled } from '../../models/objective.ts';
import { checkSameReading, recordTraining } from '../../models/training-record.ts';
import type { NativeLabelledSamples } from '../../native/index.ts';
import type { RunData, SetData } from './start-run.ts';
import { StreamPump } from './stream-pump.ts';

/** What sets are read for. */
export interface SetReader {
  readonly inputShape: InputShape;
  readonly model: ModelState;
  readonly loss: Objective['loss'];
}

export function readRunData(
  operation: string,
  reader: SetReader,
  train: unknown,
  validation: unknown,
): RunData {
  if (!(train instanceof SampleStream)) return readSets(operation, reader, train as AnyDataset, validation);
  return readStream(operation, reader, train as SampleStream<InputShape>, validation);
}

function readSets(operation: string, reader: SetReader, train: AnyDataset, validation: unknown): SetData {
  const samples = readSet(operation, reader, 'the training set', train);
  if (validation === undefined) return { sets: { train, validation }, samples, validation };
  const name = 'the validation set';
  const checked = checkDataset(operation, name, validation, reader.inputShape);
  checkSameReading(operation, [name, checked], ['the training set', train]);
  return {
    sets: { train, validation: checked },
    samples,
    validation: readLabelled(operation, name, checked, reader.loss, reader.model),
  };
}

/** Checks a stream, and its parts as they come. */
function readStream(
  operation: string,
  reader: SetReader,
  stream: SampleStream<InputShape>,
  validation: unknown,
): RunData {
  const { loss, model } = reader;
  const { inputShape, labelKind } = stream;
  if (!sameShape(inputShape, reader.inputShape)) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: the stream has samples of shape ${formatShape(inputShape)}, the model takes ${formatShape(reader.inputShape)}`,
    );
  }
  if (!loss.labelKinds.some((kind) => kind === labelKind)) {
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: ${loss.kind} takes labels of kind ${listOf(loss.labelKinds.map(formatValue), 'or')}, the stream has "${labelKind}"`,
    );
  }
  const judged =
    validation === undefined ? undefined : readSet(operation, reader, 'the validation set', validation);
  const pump = new StreamPump(operation, stream, (part, number) => {
    const samples = readSet(operation, reader, `part ${number} of the stream`, part);
    if (validation instanceof Dataset) {
      checkSameReading(operation, ['the validation set', validation], ['the stream', part]);
    }
    model.training = recordTraining(loss, part, model.training);
    return samples;
  });
  return {
    sets: { train: stream, validation: validation as Dataset | undefined },
    samples: pump,
    validation: judged,
  };
}

/** Checks a set against the model, the loss and what the model was trained on before. */
export function readSet(
  operation: string,
  { inputShape, model, loss }: SetReader,
  name: string,
  given: unknown,
): NativeLabelledSamples {
  const dataset = checkDataset(operation, name, given, inputShape);
  if (model.training !== undefined) {
    checkSameReading(operation, [name, dataset], ["the model's training data", model.training]);
  }
  return readLabelled(operation, name, dataset, loss, model);
}
