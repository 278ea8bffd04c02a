import { GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, optional, readOptions } from '../core/options.ts';
import { seriesEncoding } from './curves.ts';
import { placeLabels } from './labels.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { projectToPlane } from './pca.ts';
import { Plot } from './plot.ts';
import { isNumbers } from './series.ts';
import type { Spec } from './spec.ts';

export interface EmbeddingOptions extends PlotOptions {
  /** A text beside each point. */
  readonly labels?: readonly string[] | undefined;
  /** What each point belongs to, shown by its colour. */
  readonly groups?: readonly string[] | undefined;
}

const strings = guardedBy(
  'an array of strings, one a vector',
  (given): given is readonly string[] =>
    Array.isArray(given) && [...given].every((item) => typeof item === 'string'),
);
const OPTIONS = { ...PLOT_OPTIONS, labels: optional(strings), groups: optional(strings) };

/** Vectors one a row, or as `getWeights` and `predict` give them. */
export type Vectors =
  | readonly ArrayLike<number>[]
  | { readonly data: Float32Array; readonly shape: readonly number[] };

/**
 * Vectors of any length as points in the plane, by their two principal components. The axes say which share of the
 * variance is seen.
 *
 * @example
 * await plot.embedding(vectors, { labels: words, groups: classes }).save('words.svg');
 */
export function embedding(vectors: Vectors, options: EmbeddingOptions = {}): Plot {
  const settings = readOptions('embedding', options, OPTIONS);
  const rows = readVectors(vectors);
  for (const name of ['labels', 'groups'] as const) {
    const given = settings[name];
    if (given === undefined || given.length === rows.length) continue;
    throw new GradloomError(
      'INVALID_OPTION',
      `embedding: ${name} has ${given.length} texts for ${rows.length} vectors`,
    );
  }
  return new Plot('embedding', settings.theme, () => embeddingSpec(rows, settings));
}

function readVectors(given: Vectors): readonly ArrayLike<number>[] {
  const rows = Array.isArray(given) ? given : cut(given as Exclude<Vectors, readonly ArrayLike<number>[]>);
  const length = rows[0]?.length;
  const fits = rows.length >= 2 && rows.every((row) => isNumbers(row) && row.length === length);
  if (fits && Array.from(rows).every((row) => Array.from(row as ArrayLike<number>).every(Number.isFinite)))
    return rows;
  throw new GradloomError(
    'INVALID_OPTION',
    `embedding: vectors must be at least two lists of equally many finite numbers, or { data, shape: [count, size] }, got ${formatValue(given)}`,
  );
}

function cut(
  given: { readonly data?: unknown; readonly shape?: unknown } | undefined,
): readonly Float32Array[] {
  const { data, shape } = given ?? {};
  if (!(data instanceof Float32Array) || !Array.isArray(shape)) return [];
  const size = data.length / (shape[0] as number);
  return Array.from({ length: shape[0] as number }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

const FONT_SIZE = 11;
/** Of the plotted area, left free at its edges for texts. */
const MARGIN = 0.09;
const MANY = 500;

function embeddingSpec(
  rows: readonly ArrayLike<number>[],
  settings: ReturnType<typeof readOptions<typeof OPTIONS>>,
): Spec {
  const { width = 480, height = 400, labels, groups } = settings;
  const { points, shares } = projectToPlane(rows);
  const domains = [0, 1].map((axis) => padded(points.map((point) => point[axis] as number)));
  const pixels = points.map(([x, y]) => ({
    x: width * shareOf(x, domains[0] as Range),
    y: height * (1 - shareOf(y, domains[1] as Range)),
  }));
  const placed = labels === undefined ? [] : placeLabels(pixels, labels, FONT_SIZE);
  const values = points.map(([x, y], i) => ({ x, y, group: groups?.[i] ?? '' }));
  const names = [...new Set(groups ?? [''])];
  const { color } = seriesEncoding(names, 'group') as { readonly color: object };
  const legend = names.length < 2 ? null : { title: null, symbolType: 'circle', symbolStrokeWidth: 0 };
  const pixel = (field: string, extent: number) => ({
    field,
    type: 'quantitative',
    axis: null,
    scale: { domain: [0, extent], reverse: field === 'top', nice: false },
  });
  return {
    ...headed(settings, 'Embedding'),
    width,
    height,
    resolve: { scale: { x: 'independent', y: 'independent' } },
    layer: [
      {
        data: { values },
        mark: {
          type: 'point',
          filled: true,
          size: values.length > MANY ? 14 : 45,
          opacity: values.length > MANY ? 0.7 : 1,
        },
        encoding: {
          x: componentAxis('x', domains[0] as Range, `first component (${percent(shares[0])})`),
          y: componentAxis('y', domains[1] as Range, `second component (${percent(shares[1])})`),
          color: { ...color, legend },
        },
      },
      {
        data: {
          values: placed.map(({ text, dx, dy }, i) => ({
            text,
            left: (pixels[i]?.x as number) + dx,
            top: (pixels[i]?.y as number) + dy,
          })),
        },
        mark: { type: 'text', fontSize: FONT_SIZE, align: 'center', baseline: 'middle' },
        encoding: { x: pixel('left', width), y: pixel('top', height), text: { field: 'text' } },
      },
    ],
  };
}

type Range = readonly [low: number, high: number];

function componentAxis(field: string, domain: Range, title: string): Spec {
  return {
    field,
    type: 'quantitative',
    scale: { domain, nice: false, zero: false },
    axis: { title, tickCount: 6 },
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} % of variance`;
}

function padded(values: readonly number[]): Range {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = high > low ? ((high - low) * MARGIN) / (1 - 2 * MARGIN) : 1;
  return [low - margin, high + margin];
}

function shareOf(value: number, [low, high]: Range): number {
  return (value - low) / (high - low);
}
