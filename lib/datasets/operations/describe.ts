/** What is in a dataset, by column and by class. */
import { inspect } from 'node:util';
import type { DatasetParts } from '../parts/dataset-parts.ts';
import { forEachValue } from '../parts/each-value.ts';
import { rowsOf } from '../parts/samples.ts';
import { type DenseInputs, isSparse, rowOf } from '../parts/stored-inputs.ts';
import { type CategoryColumn, MISSING_CATEGORY, widthOf } from '../parts/table.ts';
import { countClasses } from './classes.ts';
import { type ColumnDescription, type DatasetDescription, formatDescription } from './description.ts';

export function describeParts(parts: DatasetParts): DatasetDescription {
  const rows = rowsOf(parts);
  const counts = parts.labelKind === 'class' ? countClasses('describe', parts, rows) : [];
  const description = {
    samples: rows.length,
    inputShape: parts.inputShape,
    labelKind: parts.labelKind,
    columns: Object.freeze(describeInputs(parts, rows)),
    targets: Object.freeze(describeTargets(parts, rows)),
    classes: Object.freeze(
      counts.map((count, label) => Object.freeze({ name: parts.classNames?.[label] ?? `${label}`, count })),
    ),
  };
  const text = () => formatDescription(description);
  // Hidden, so that a comparison or a copy of the description sees the numbers alone.
  Object.defineProperties(description, { toString: { value: text }, [inspect.custom]: { value: text } });
  return Object.freeze(description);
}

type DenseParts = DatasetParts & { readonly inputs: DenseInputs };

function describeInputs({ inputs, ...others }: DatasetParts, rows: Uint32Array): ColumnDescription[] {
  // Of samples with a million features there is no table to print.
  if (isSparse(inputs)) return [];
  const parts = { inputs, ...others };
  const { table, inputShape, preprocessing, gaps = [] } = parts;
  // Where samples were divided by their norms, no value stands for a category any more.
  if (table === undefined || preprocessing.before !== undefined) {
    const noun = inputShape.length === 1 ? 'feature' : 'channel';
    return momentsOf(parts).map((moments, index) =>
      numberColumn(table?.featureNames[index] ?? `${noun} ${index}`, moments, 0),
    );
  }
  const filled = table.inputs.map((_, index) => new Set(gaps[index]));
  // The column of each number's index in a sample.
  const owners = table.inputs.flatMap((column, index) => new Array<number>(widthOf(column)).fill(index));
  const moments = momentsOf(parts, (channel, row) => filled[owners[channel] as number]?.has(row) === true);
  return table.inputs.map((column, index) => {
    const start = owners.indexOf(index);
    const isFilled = filled[index] as ReadonlySet<number>;
    const missing = isFilled.size === 0 ? 0 : rows.reduce((sum, row) => sum + Number(isFilled.has(row)), 0);
    return column.kind === 'number'
      ? numberColumn(column.name, moments[start] as Moments, missing)
      : categoryColumn(column, countCategories(column, { parts, rows, start, isFilled }), missing);
  });
}

function countCategories(
  column: CategoryColumn,
  {
    parts: { inputs, inputShape },
    rows,
    start,
    isFilled,
  }: {
    readonly parts: DenseParts;
    readonly rows: Uint32Array;
    readonly start: number;
    readonly isFilled: ReadonlySet<number>;
  },
): number[] {
  const size = inputShape[0] as number;
  const counts = new Array<number>(column.categories.length).fill(0);
  for (const row of rows) {
    if (isFilled.has(row)) continue;
    const stored = rowOf(inputs, row, size);
    const category =
      column.encoding === 'index'
        ? (stored[start] as number)
        : stored.subarray(start, start + column.categories.length).indexOf(1);
    counts[category] = (counts[category] as number) + 1;
  }
  return counts;
}

function describeTargets(parts: DatasetParts, rows: Uint32Array): ColumnDescription[] {
  const { labels, labelKind, labelShape, table } = parts;
  if (labelKind !== 'values' || labels === undefined) return [];
  const size = labelShape.reduce((product, extent) => product * extent, 1);
  const moments = momentsOf({
    ...parts,
    inputs: labels as Float32Array<ArrayBuffer>,
    inputShape: [size],
    preprocessing: { scale: [1], shift: [0] },
    rows: Uint32Array.from(rows),
  });
  return moments.map((each, index) =>
    numberColumn(table?.targets[index]?.name ?? `target ${index}`, each, 0),
  );
}

interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
}

/** Of each index of the last axis, over what is not left out. */
function momentsOf(
  parts: DenseParts,
  isLeftOut: (channel: number, row: number) => boolean = () => false,
): Moments[] {
  const totals = Array.from({ length: parts.inputShape.at(-1) as number }, () => ({
    count: 0,
    mean: 0,
    squares: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
  }));
  forEachValue(parts, (value, channel, row) => {
    if (isLeftOut(channel, row)) return;
    const total = totals[channel] as (typeof totals)[number];
    // Welford's update: one pass, and exact for values that are all equal.
    total.count++;
    const distance = value - total.mean;
    total.mean += distance / total.count;
    total.squares += distance * (value - total.mean);
    total.min = Math.min(total.min, value);
    total.max = Math.max(total.max, value);
  });
  return totals.map(({ squares, ...rest }) => ({ ...rest, std: Math.sqrt(squares / rest.count) }));
}

function numberColumn(name: string, { count, ...moments }: Moments, missing: number): ColumnDescription {
  const { mean, std, min, max } = count === 0 ? NOTHING : moments;
  return Object.freeze({ name, type: 'number', count, missing, mean, std, min, max, categories: undefined });
}

const NOTHING = { mean: undefined, std: undefined, min: undefined, max: undefined };

function categoryColumn(
  { name, categories, missing: policy }: CategoryColumn,
  counts: readonly number[],
  missing: number,
): ColumnDescription {
  const entries = categories.map((category, index) => [category, counts[index] as number] as const);
  const there =
    policy === 'category' ? entries.filter(([category]) => category !== MISSING_CATEGORY) : entries;
  return Object.freeze({
    name,
    type: 'category',
    count: there.reduce((sum, [, count]) => sum + count, 0),
    missing,
    ...NOTHING,
    categories: Object.freeze(Object.fromEntries(there)),
  });
}
