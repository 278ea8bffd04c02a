import { GradloomError } from '../core/errors.ts';
import { formatValue, readOptions } from '../core/options.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import type { Datum, Spec } from './spec.ts';
import { colorOf } from './theme.ts';

const { width: _, height: __, ...OPTIONS } = PLOT_OPTIONS;

export type FiltersOptions = Omit<PlotOptions, 'width' | 'height'>;

interface Weight {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** What one small picture shows: its name and its cells' colours, row by row. */
interface Tile {
  readonly name: string;
  readonly colors: readonly string[];
}

const MAX_TILES = 64;
const MAX_CHANNELS = 8;
const TILE = 44;
const GAP = 16;

/**
 * The weights of a convolution, `[filters, channels, height, width]`, as small pictures: in colour where there are three
 * channels, else from blue (negative) to red (positive), the strongest weight of all at full strength. Of layers with
 * more channels the first eight of the first eight filters are shown, a row a filter.
 *
 * @example
 * await plot.filters(model.getWeights()['conv2d_1.weight']).save('filters.svg');
 *
 * Throws `INVALID_OPTION` for what is no such weight.
 */
export function filters(weight: Weight | undefined, options: FiltersOptions = {}): Plot {
  const settings = readOptions('filters', options, OPTIONS);
  const { data, shape } = readWeight(weight);
  return new Plot('filters', settings.theme, () => filtersSpec({ data, shape }, settings));
}

function readWeight(given: Weight | undefined): Weight {
  const { data, shape } = given ?? {};
  if (data instanceof Float32Array && Array.isArray(shape) && shape.length === 4) return given as Weight;
  throw new GradloomError(
    'INVALID_OPTION',
    `filters: weight must be { data, shape: [filters, channels, height, width] }, such as getWeights()["conv2d_1.weight"], got ${formatValue(given)}`,
  );
}

function filtersSpec(
  { data, shape }: Weight,
  settings: ReturnType<typeof readOptions<typeof OPTIONS>>,
): Spec {
  const [count, channels, height, width] = shape as [number, number, number, number];
  const size = height * width;
  const planes = (filter: number) =>
    Array.from({ length: channels }, (_, c) =>
      data.subarray((filter * channels + c) * size, (filter * channels + c + 1) * size),
    );
  const strongest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const signed = (plane: Float32Array) => [...plane].map((value) => diverging(value / strongest));
  const isSplit = channels !== 1 && channels !== 3;
  const tiles: Tile[] = Array.from(
    { length: Math.min(count, isSplit ? MAX_CHANNELS : MAX_TILES) },
    (_, f) => f,
  ).flatMap((f) =>
    isSplit
      ? planes(f)
          .slice(0, MAX_CHANNELS)
          .map((plane, c) => ({ name: `${f}, ${c}`, colors: signed(plane) }))
      : [
          {
            name: `${f}`,
            colors: channels === 3 ? inColor(planes(f)) : signed(planes(f)[0] as Float32Array),
          },
        ],
  );
  const columns = isSplit ? Math.min(channels, MAX_CHANNELS) : Math.min(8, tiles.length);
  const rows = Math.ceil(tiles.length / columns);
  const [cellWidth, cellHeight] = [TILE / width, TILE / height].map(() => TILE / Math.max(width, height)) as [
    number,
    number,
  ];
  const place = (k: number) => ({
    left: (k % columns) * (TILE + GAP),
    top: Math.floor(k / columns) * (TILE + GAP),
  });
  const cells: Datum[] = tiles.flatMap(({ colors }, k) =>
    colors.map((color, i) => {
      const x = place(k).left + (i % width) * cellWidth;
      const y = place(k).top + Math.floor(i / width) * cellHeight;
      return { x, x2: x + cellWidth, y, y2: y + cellHeight, color };
    }),
  );
  const names: Datum[] = tiles.map(({ name }, k) => ({ x: place(k).left, y: place(k).top + TILE + 9, name }));
  const extent = { x: columns * (TILE + GAP) - GAP, y: rows * (TILE + GAP) };
  const at = (axis: 'x' | 'y') => ({
    field: axis,
    type: 'quantitative',
    axis: null,
    scale: { domain: [0, extent[axis]], nice: false, zero: false, reverse: axis === 'y' },
  });
  const fallback = isSplit
    ? `Filters (filter, channel): ${tiles.length} of ${count * channels}`
    : `Filters${tiles.length < count ? `: the first ${tiles.length} of ${count}` : ''}`;
  const legend = channels === 3 ? undefined : 'blue is negative, red positive';
  return {
    ...headed({ ...settings, subtitle: settings.subtitle ?? legend }, fallback),
    width: extent.x,
    height: extent.y,
    layer: [
      {
        data: { values: cells },
        mark: { type: 'rect', strokeWidth: 0 },
        encoding: {
          x: at('x'),
          x2: { field: 'x2' },
          y: at('y'),
          y2: { field: 'y2' },
          color: { field: 'color', type: 'nominal', scale: null },
        },
      },
      {
        data: { values: names },
        mark: { type: 'text', align: 'left', baseline: 'middle', fontSize: 9, color: colorOf('muted') },
        encoding: { x: at('x'), y: at('y'), text: { field: 'name' } },
      },
    ],
  };
}

/** Each filter's three channels on one scale of their own, from black to white. */
function inColor(planes: readonly Float32Array[]): string[] {
  const all = planes.flatMap((plane) => [...plane]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const byte = (value: number) => (high > low ? Math.round((255 * (value - low)) / (high - low)) : 128);
  return Array.from(
    planes[0] ?? [],
    (_, i) => `rgb(${planes.map((plane) => byte(plane[i] as number)).join(',')})`,
  );
}

const NEUTRAL = [247, 247, 247] as const;
const NEGATIVE = [33, 102, 172] as const;
const POSITIVE = [178, 24, 43] as const;

/** From blue at -1 over near white to red at 1. */
function diverging(value: number): string {
  const end = value < 0 ? NEGATIVE : POSITIVE;
  const strength = Math.min(Math.abs(value), 1);
  return `rgb(${NEUTRAL.map((from, c) => Math.round(from + strength * ((end[c] as number) - from))).join(',')})`;
}
