import { oneOf, readOptions, text, withDefault } from '../core/options.ts';
import { countCovered } from './covered.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import { type NamedSeries, readSeries, toRows } from './series.ts';
import type { Spec } from './spec.ts';
import { COVERING_DASHES, SERIES_COLORS, SERIES_DASHES } from './theme.ts';

export interface CurvesOptions extends PlotOptions {
  /** The axis below. Default: `'step'`. */
  readonly xTitle?: string;
  /** The axis at the left. Default: `'value'`. */
  readonly yTitle?: string;
  /** Default: `'linear'`. */
  readonly xScale?: 'linear' | 'log';
  /** Default: `'linear'`. */
  readonly yScale?: 'linear' | 'log';
}

const scale = oneOf('linear', 'log');

export const CURVES_OPTIONS = {
  ...PLOT_OPTIONS,
  xTitle: withDefault(text, 'step'),
  yTitle: withDefault(text, 'value'),
  xScale: withDefault(scale, 'linear'),
  yScale: withDefault(scale, 'linear'),
};

/**
 * Lines over one pair of axes. What is not finite leaves a gap, and so does what is not above 0 on a logarithmic axis. A line
 * that lies on an earlier one is dashed, so that both are seen.
 *
 * @example
 * await plot.curves({ adagrad: lossesA, adam: lossesB }, { yTitle: 'loss', yScale: 'log' }).save('losses.svg');
 *
 * Throws `INVALID_OPTION` for series that are no numbers.
 */
export function curves(series: NamedSeries, options: CurvesOptions = {}): Plot {
  const settings = readOptions('curves', options, CURVES_OPTIONS);
  const points = readSeries('curves', series);
  return new Plot('curves', settings.theme, () =>
    curvesSpec(points, settings, `${settings.yTitle} by ${settings.xTitle}`),
  );
}

type Settings = ReturnType<typeof readOptions<typeof CURVES_OPTIONS>>;

export function curvesSpec(points: ReturnType<typeof readSeries>, settings: Settings, title: string): Spec {
  const { width = 460, height = 280, xTitle, yTitle, xScale, yScale } = settings;
  const names = points.map(([name]) => name);
  const scales = { x: xScale, y: yScale };
  const values = toRows(points, scales);
  const all = (axis: 'x' | 'y') => values.map((row) => row[axis]);
  return {
    ...headed(settings, title),
    width,
    height,
    data: { values },
    mark: { type: 'line', clip: true },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        scale: { ...scaleOf(xScale), nice: false },
        axis: axisOf(xTitle, xScale, all('x'), { grid: false }),
      },
      y: { field: 'y', type: 'quantitative', scale: scaleOf(yScale), axis: axisOf(yTitle, yScale, all('y')) },
      ...seriesEncoding(names, 'series', countCovered(names, values, { width, height, scales })),
    },
  };
}

export function scaleOf(type: 'linear' | 'log'): object {
  return type === 'log' ? { type, nice: false } : { type, zero: false };
}

/** An axis of values. Logarithmic ones are labelled at powers of ten and, where there are few, at 2 and 5 times them. */
export function axisOf(
  title: string,
  type: 'linear' | 'log',
  values: Iterable<unknown>,
  more: object = {},
): object {
  if (type === 'linear') return { title, ...more };
  const labelExpr = "datum.value >= 1 ? format(datum.value, ',') : format(datum.value, '~g')";
  return { title, values: logTicks(values), labelExpr, ...more };
}

const MANY_DECADES = 3;
const MOST_TICKS = 8;

function logTicks(values: Iterable<unknown>): number[] {
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) {
    if (typeof value !== 'number' || !(value > 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (high === 0) return [];
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const stride = Math.ceil((last - first) / MOST_TICKS);
  const steps = high / low > 10 ** MANY_DECADES ? [1] : [1, 2, 5];
  return Array.from({ length: last - first + 1 }, (_, k) => first + k)
    .filter((power) => power % stride === 0)
    .flatMap((power) => steps.map((step) => Number(`${step}e${power}`)))
    .filter((tick) => tick >= low * 0.99 && tick <= high * 1.01);
}

/**
 * One colour a series, and a dash where colours repeat or a line lies on `covered` earlier ones; no legend for a single
 * series.
 */
export function seriesEncoding(
  names: readonly string[],
  field = 'series',
  covered: readonly number[] = [],
): Spec {
  const repeat = <Value>(values: readonly Value[], place: number) => values[place % values.length] as Value;
  const legend =
    names.length < 2 ? null : { title: null, symbolType: 'stroke', symbolSize: 500, symbolOpacity: 1 };
  const dashes = names.map((_, place) => {
    const over = covered[place] ?? 0;
    return over > 0
      ? repeat(COVERING_DASHES, over - 1)
      : repeat(SERIES_DASHES, Math.floor(place / SERIES_COLORS.length));
  });
  return {
    color: {
      field,
      type: 'nominal',
      scale: { domain: names, range: names.map((_, place) => repeat(SERIES_COLORS, place)) },
      legend,
    },
    strokeDash: { field, type: 'nominal', scale: { domain: names, range: dashes }, legend },
  };
}
