import { GradloomError } from '../../core/errors.ts';
import type { AnyParts, LabelParts, Labels } from '../parts/dataset-parts.ts';
import { makeTable } from '../parts/table.ts';

/** The number of samples of each class among `rows`. */
export function countClasses(operation: string, parts: LabelParts, rows: Uint32Array): number[] {
  const labels = classesOf(operation, parts);
  const counts = new Array<number>(parts.classCount).fill(0);
  for (const row of rows) {
    const label = labels[row] as number;
    counts[label] = (counts[label] as number) + 1;
  }
  return counts;
}

/** 1 at the class, 0 elsewhere. */
export function oneHotParts(parts: AnyParts): AnyParts<'values'> {
  const labels = classesOf('oneHot', parts);
  const { classCount } = parts;
  const values = new Float32Array(labels.length * classCount);
  for (const [row, label] of labels.entries()) values[row * classCount + label] = 1;
  return {
    ...parts,
    labelKind: 'values',
    labelShape: Object.freeze([classCount]),
    labels: values,
    classCount: 0,
    classNames: undefined,
    // A table's targets are classes, which these labels are no more.
    ...(parts.columns === undefined && {
      table: parts.table && makeTable(parts.table.inputs, [], parts.table),
    }),
  } as AnyParts<'values'>;
}

function classesOf(operation: string, { labelKind, labels }: LabelParts): Labels {
  if (labelKind === 'class' && labels !== undefined) return labels;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: needs class labels, but labelKind is "${labelKind}"`,
  );
}
