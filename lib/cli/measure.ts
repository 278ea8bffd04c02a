/** How good a model is on labelled data, beside what guessing would reach. */
import type { InputShape } from '../core/shape.ts';
import type { AnyDataset } from '../datasets/dataset.ts';
import { labelsOf } from '../estimators/target-scale.ts';
import type { Model } from '../models/model.ts';
import { countOf, formatFigure, type Output } from './output.ts';

export type Measures =
  | {
      readonly loss: number;
      readonly accuracy: number;
      /** Of always naming the most frequent class of the training data. */
      readonly baselineAccuracy?: number;
      readonly confusionMatrix: readonly (readonly number[])[];
      readonly classNames: readonly string[];
    }
  | {
      readonly loss: number;
      readonly rootMeanSquaredError: number;
      readonly meanAbsoluteError: number;
      readonly r2?: number;
      /** Of always naming the mean of the training data. */
      readonly baselineRootMeanSquaredError?: number;
    };

export async function measure(
  model: Model<InputShape>,
  dataset: AnyDataset,
  { train, threads }: { readonly train?: AnyDataset; readonly threads: number },
): Promise<Measures & { readonly count: number }> {
  const count = dataset.length;
  if (dataset.labelKind === 'class') {
    const { loss, accuracy, confusionMatrix } = await model.evaluate(dataset, {
      metrics: ['accuracy', 'confusionMatrix'],
      threads,
    });
    const classNames = dataset.classNames ?? confusionMatrix.map((_, label) => `${label}`);
    const baseline = train === undefined ? {} : { baselineAccuracy: shareOfCommonest(train, dataset) };
    return { count, loss, accuracy, ...baseline, confusionMatrix, classNames };
  }
  const { loss, ...figures } = await model.evaluate(dataset, {
    metrics: ['rootMeanSquaredError', 'meanAbsoluteError', 'r2'],
    threads,
  });
  const { r2, ...errors } = figures;
  const baseline =
    train === undefined ? {} : { baselineRootMeanSquaredError: distanceToMean(train, dataset) };
  return { count, loss, ...errors, ...(Number.isFinite(r2) ? { r2 } : {}), ...baseline };
}

function shareOfCommonest(train: AnyDataset, dataset: AnyDataset): number {
  const counts = train.classCounts();
  const commonest = counts.indexOf(Math.max(...counts));
  return (dataset.classCounts()[commonest] ?? 0) / dataset.length;
}

function distanceToMean(train: AnyDataset, dataset: AnyDataset): number {
  const values = labelsOf(train);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = labelsOf(dataset).reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / dataset.length);
}

export function sayMeasures(
  measures: Measures & { readonly count: number },
  where: string,
  output: Output,
): void {
  const { count } = measures;
  if ('accuracy' in measures) {
    const right = Math.round(measures.accuracy * count);
    const baseline =
      measures.baselineAccuracy === undefined
        ? ''
        : `; always naming the commonest class: ${formatFigure(measures.baselineAccuracy)}`;
    output.tell(
      'result',
      `accuracy ${formatFigure(measures.accuracy)} on the ${where} (${right} of ${count} right)${baseline}`,
      `loss ${formatFigure(measures.loss)}`,
    );
    sayMatrix(measures.confusionMatrix, measures.classNames, output);
    return;
  }
  const baseline =
    measures.baselineRootMeanSquaredError === undefined
      ? ''
      : `; always naming the mean: ${formatFigure(measures.baselineRootMeanSquaredError)}`;
  output.tell(
    'result',
    `root mean squared error ${formatFigure(measures.rootMeanSquaredError)} on the ${where} (${countOf(count, 'row')})${baseline}`,
    `mean absolute error ${formatFigure(measures.meanAbsoluteError)}${measures.r2 === undefined ? '' : `, R2 ${formatFigure(measures.r2)}`}`,
  );
}

/** More classes make a table wider than a terminal. */
const MAX_COLUMNS = 12;
const MAX_NAME = 14;

function sayMatrix(matrix: readonly (readonly number[])[], names: readonly string[], output: Output): void {
  if (matrix.length > MAX_COLUMNS) {
    const recalls = matrix.map((row, label) => {
      const total = row.reduce((sum, n) => sum + n, 0);
      return { name: names[label] as string, recall: total === 0 ? 1 : (row[label] as number) / total };
    });
    recalls.sort((a, b) => a.recall - b.recall);
    output.tell(
      'worst',
      ...recalls.slice(0, 5).map(({ name, recall }) => `${name}: ${(100 * recall).toFixed(1)} % found`),
    );
    return;
  }
  const shown = names.map((name) => (name.length > MAX_NAME ? `${name.slice(0, MAX_NAME - 1)}…` : name));
  const first = Math.max(...shown.map((name) => name.length), 'true \\ taken for'.length);
  const width = Math.max(...shown.map((name) => name.length), ...matrix.flat().map((n) => `${n}`.length)) + 2;
  output.tell(
    'confusion',
    ['true \\ taken for'.padEnd(first), ...shown.map((name) => name.padStart(width))].join(''),
    ...matrix.map((row, label) =>
      [
        (shown[label] as string).padEnd(first),
        ...row.map((n) => (n === 0 ? '.' : `${n}`).padStart(width)),
      ].join(''),
    ),
  );
}
