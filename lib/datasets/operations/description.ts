/** A description of a dataset: its figures, and their tables as text. */
import { formatShape } from '../../core/shape.ts';
import type { LabelKind } from '../parts/dataset-parts.ts';

/** Of one column, or of one index of the last axis; what does not apply to its type is undefined. */
export interface ColumnDescription {
  readonly name: string;
  readonly type: 'number' | 'category';
  /** Values that are there. Each pixel of a channel is one. */
  readonly count: number;
  readonly missing: number;
  readonly mean: number | undefined;
  /** Of the population. */
  readonly std: number | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** In the order of the table. */
  readonly categories: Readonly<Record<string, number>> | undefined;
}

export interface ClassDescription {
  /** The class's number where it has no name. */
  readonly name: string;
  readonly count: number;
}

export interface DatasetDescription {
  readonly samples: number;
  readonly inputShape: readonly number[];
  readonly labelKind: LabelKind;
  /** None of sparse samples. */
  readonly columns: readonly ColumnDescription[];
  /** Of labels that are values. */
  readonly targets: readonly ColumnDescription[];
  readonly classes: readonly ClassDescription[];
  /** A table as text, as `console.log` prints it. */
  toString(): string;
}

const MAX_LINES = 40;
const MAX_CATEGORIES = 5;

export function formatDescription(
  description: DatasetDescription | Omit<DatasetDescription, 'toString'>,
): string {
  const { samples, inputShape, labelKind, columns, targets, classes } = description;
  const labels =
    labelKind === 'class'
      ? `${classes.length} classes`
      : labelKind === 'values'
        ? `${targets.length} target values`
        : 'no labels';
  const blocks = [
    `${samples} samples of shape ${formatShape(inputShape)}, ${labels}`,
    formatColumns('input', columns),
  ];
  if (targets.length > 0) blocks.push(formatColumns('target', targets));
  if (classes.length > 0) {
    const rows = classes.map(({ name, count }) => [
      name,
      `${count}`,
      `${((100 * count) / samples).toFixed(1)}%`,
    ]);
    blocks.push(formatTable(['class', 'count', 'share'], rows));
  }
  return blocks.join('\n\n');
}

function formatColumns(title: string, columns: readonly ColumnDescription[]): string {
  const rows = columns.map(({ name, count, missing, mean, std, min, max, categories }) => [
    name,
    `${count}`,
    `${missing}`,
    ...[mean, std, min, max].map(formatNumber),
    categories === undefined ? '' : formatCategories(categories),
  ]);
  const heads = [title, 'count', 'missing', 'mean', 'std', 'min', 'max', 'categories'];
  const hasCategories = columns.some(({ categories }) => categories !== undefined);
  return hasCategories
    ? formatTable(heads, rows)
    : formatTable(
        heads.slice(0, -1),
        rows.map((row) => row.slice(0, -1)),
      );
}

function formatNumber(value: number | undefined): string {
  if (value === undefined) return '';
  const isTiny = value !== 0 && Math.abs(value) < 1e-4;
  return isTiny ? value.toExponential(3) : `${Number(value.toPrecision(5))}`;
}

/** The most frequent ones first. */
function formatCategories(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, MAX_CATEGORIES).map(([name, count]) => `${shorten(name)} ${count}`);
  const rest = sorted.length - shown.length;
  return [...shown, ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
}

/** The first column to the left, numbers to the right, a last column of text to the left. */
function formatTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.slice(0, MAX_LINES).map(([name = '', ...cells]) => [shorten(name), ...cells]);
  const lines = [heads, ...shown];
  const widths = heads.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  const texts = lines.map((cells) =>
    cells
      .map((cell, column) => {
        const width = widths[column] as number;
        return column === 0 || heads[column] === 'categories' ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  if (rows.length > MAX_LINES) texts.push(`... and ${rows.length - MAX_LINES} more`);
  return texts.join('\n');
}

function shorten(name: string): string {
  const line = name.replace(/\s+/g, ' ');
  return line.length > 24 ? `${line.slice(0, 23)}…` : line;
}
