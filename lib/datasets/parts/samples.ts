/** Samples of what a dataset is made of, one by one and as a model sees them. */
import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { type InputShape, type Shape, sizeOf } from '../../core/shape.ts';
import type {
  AnyParts,
  InputParts,
  LabelKind,
  LabelOf,
  LabelParts,
  Sample,
  Target,
} from './dataset-parts.ts';
import { factorsAt, lastExtent } from './preprocessing.ts';
import { spreadRow } from './sparse-inputs.ts';
import { countRows, isSparse, rowOf } from './stored-inputs.ts';

/** An input of a view. */
export type InputView = InputParts & Pick<LabelParts, 'rows'>;

/** The number of samples of a view. */
export function countOf(parts: AnyParts | InputView): number {
  const [input = parts as InputParts] = 'columns' in parts ? Object.values(parts.columns ?? {}) : [];
  return parts.rows?.length ?? countRows(input);
}

/** The rows of a view's samples in the arrays. */
export function rowsOf(parts: AnyParts): Uint32Array<ArrayBuffer> {
  return parts.rows ?? new Uint32Array(countOf(parts)).map((_, row) => row);
}

/** The sample at a place that exists. */
export function sampleAt<Label extends LabelKind, Input extends InputShape = Shape>(
  parts: AnyParts<Label>,
  place: number,
): Sample<Label, Input> {
  checkNotDetached(parts);
  const row = parts.rows?.[place] ?? place;
  const { columns } = parts;
  const input =
    columns === undefined
      ? valuesAt(parts, row)
      : Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, valuesAt(column, row)]));
  return { input: input as Sample<Label, Input>['input'], label: labelAt(parts, place) };
}

/** The label of the sample at a place that exists. */
export function labelAt<Label extends LabelKind>(parts: AnyParts<Label>, place: number): LabelOf<Label> {
  checkNotDetached(parts);
  const row = parts.rows?.[place] ?? place;
  const { labels, labelKind, labelShape, targets } = parts;
  if (labelKind === 'class') return labels?.[row] as LabelOf<Label>;
  const size = sizeOf(labelShape);
  const values = labels?.slice(row * size, (row + 1) * size);
  return (targets === undefined ? values : targetsOf(targets, values ?? [])) as LabelOf<Label>;
}

function valuesAt({ inputs, inputShape, preprocessing }: InputParts, row: number): Float32Array {
  const size = sizeOf(inputShape);
  if (isSparse(inputs)) return spreadRow(inputs, row, size);
  const channels = lastExtent(inputShape);
  const stored = rowOf(inputs, row, size);
  const values = new Float32Array(size);
  for (let j = 0; j < size; j++) {
    const { scale, shift } = factorsAt(preprocessing, j % channels);
    values[j] = (stored[j] as number) * scale + shift;
  }
  return values;
}

function targetsOf(
  targets: readonly Target[],
  values: ArrayLike<number>,
): Readonly<Record<string, number | Float32Array>> {
  const entries = targets.map(({ name, kind, shape, first }) => {
    const end = first + sizeOf(shape);
    const own = Float32Array.from({ length: end - first }, (_, i) => values[first + i] as number);
    return [name, kind === 'class' ? (own[0] as number) : own] as const;
  });
  return Object.fromEntries(entries);
}

/** Throws `INVALID_DATA` when inputs were borrowed and their buffer is no longer there: no other array is ever empty. */
export function checkNotDetached(parts: AnyParts): void {
  for (const { inputs } of parts.columns === undefined ? [parts] : Object.values(parts.columns)) {
    if (!types.isTypedArray(inputs) || inputs.length > 0) continue;
    throw new GradloomError(
      'INVALID_DATA',
      "the dataset's inputs were borrowed (memory: 'borrow'), and their buffer has been transferred away since; keep it as long as the dataset is used, or use memory: 'copy'",
    );
  }
}
