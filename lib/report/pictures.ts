import { type AnyDataset, anyPartsOf } from '../datasets/dataset.ts';
import type { History } from '../history/history.ts';
import type { RunFacts } from '../history/run-facts.ts';
import { stateOf } from '../models/model.ts';
import * as plot from '../plot/index.ts';

export interface Pictures {
  readonly curves: string;
  /** A confusion matrix, or predictions beside true values; undefined where neither fits. */
  readonly outcome: string | undefined;
  readonly throughput: string;
}

export async function drawPictures(
  facts: RunFacts,
  history: History,
  measured: AnyDataset | undefined,
): Promise<Pictures> {
  const [curves, outcome, throughput] = await Promise.all([
    plot.history(history, { title: 'Loss and metrics' }).svg(),
    measured === undefined ? undefined : drawOutcome(facts, measured),
    drawThroughput(history),
  ]);
  return { curves, outcome, throughput };
}

async function drawOutcome({ model }: RunFacts, measured: AnyDataset): Promise<string | undefined> {
  const count = measured.length;
  if (measured.labelKind === 'class') {
    const loss = stateOf(model).training?.loss;
    if (loss?.outputs !== 'classLogits') return undefined;
    const { confusionMatrix } = await model.evaluate(measured, { metrics: ['confusionMatrix'] });
    const { classNames } = measured;
    return plot
      .confusionMatrix(confusionMatrix, { classNames, subtitle: `${count} samples of validation` })
      .svg();
  }
  const { labels, rows, labelShape } = anyPartsOf(measured);
  const isSingle = labelShape.length === 1 && labelShape[0] === 1;
  if (labels === undefined || !isSingle || model.outputShape.length !== 1) return undefined;
  const truth = Float64Array.from({ length: count }, (_, place) => labels[rows?.[place] ?? place] as number);
  const { data } = await model.predict(measured);
  const target = model.table?.targets[0]?.name;
  const subtitle = `${count} samples of validation`;
  return plot.predictions(truth, data, { subtitle, ...(target === undefined ? {} : { target }) }).svg();
}

async function drawThroughput({ epochs }: History): Promise<string> {
  const series = {
    x: epochs.map(({ epoch }) => epoch),
    y: epochs.map(({ samplesPerSecond }) => samplesPerSecond),
  };
  const options = { title: 'Throughput', xTitle: 'epoch', yTitle: 'samples a second', height: 180 };
  return plot.curves({ 'samples a second': series }, options).svg();
}
