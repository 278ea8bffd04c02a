import { GradloomError } from '../core/errors.ts';
import {
  formatValue,
  guardedBy,
  integer,
  optional,
  readOptions,
  text,
  withDefault,
} from '../core/options.ts';
import { type Area, contours } from './contours.ts';
import { seriesEncoding } from './curves.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import type { Datum, Spec } from './spec.ts';
import { colorOf } from './theme.ts';

export type Path = readonly (readonly [x: number, y: number])[];

export interface PathsOptions extends PlotOptions {
  /** The function whose lines of equal value are drawn below the paths. */
  readonly of?: (x: number, y: number) => number;
  /** How many lines. Default: 14. */
  readonly levels?: number;
  /** What is shown. Default: what holds all paths, and a tenth more. */
  readonly area?: Area;
  /** Default: `'first parameter'`. */
  readonly xTitle?: string;
  /** Default: `'second parameter'`. */
  readonly yTitle?: string;
}

const isRange = (given: unknown) =>
  Array.isArray(given) && given.length === 2 && given.every(Number.isFinite) && given[0] < given[1];

const OPTIONS = {
  ...PLOT_OPTIONS,
  of: optional(
    guardedBy(
      'a function of two numbers',
      (given): given is (x: number, y: number) => number => typeof given === 'function',
    ),
  ),
  levels: withDefault(integer(1, 100), 14),
  area: optional(
    guardedBy(
      '{ x: [low, high], y: [low, high] }',
      (given): given is Area =>
        typeof given === 'object' &&
        given !== null &&
        'x' in given &&
        'y' in given &&
        isRange(given.x) &&
        isRange(given.y),
    ),
  ),
  xTitle: withDefault(text, 'first parameter'),
  yTitle: withDefault(text, 'second parameter'),
};

type Settings = ReturnType<typeof readOptions<typeof OPTIONS>>;

/** More points than this of one path are left out evenly. */
const MAX_POINTS = 600;

/**
 * The ways of two parameters, such as different optimizers' over the contour lines of a loss. A ring marks a path's
 * start, a disc its end.
 *
 * @example
 * await plot.paths({ adagrad: [[5, -3], [4.9, -2.9]] }, { of: (x, y) => x * x + y * y }).save('path.svg');
 */
export function paths(given: Readonly<Record<string, Path>>, options: PathsOptions = {}): Plot {
  const settings = readOptions('paths', options, OPTIONS);
  const entries = typeof given === 'object' && given !== null ? Object.entries(given) : [];
  const isPath = (path: unknown) =>
    Array.isArray(path) &&
    path.length > 0 &&
    path.every((point) => point?.length === 2 && [...point].every(Number.isFinite));
  if (entries.length === 0 || !entries.every(([, path]) => isPath(path))) {
    throw new GradloomError(
      'INVALID_OPTION',
      `paths: paths must be an object of lists of pairs of finite numbers by name, such as { adagrad: [[5, -3], [4, -2]] }, got ${formatValue(given)}`,
    );
  }
  return new Plot('paths', settings.theme, () => pathsSpec(entries, settings));
}

function pathsSpec(entries: readonly (readonly [string, Path])[], settings: Settings): Spec {
  const { width = 420, height = 340, of, levels, xTitle, yTitle } = settings;
  const area = settings.area ?? areaOf(entries.flatMap(([, path]) => [...path]));
  const rows: Datum[] = entries.flatMap(([series, path]) => {
    const stride = Math.ceil(path.length / MAX_POINTS);
    return path.flatMap(([x, y], step): Datum[] => {
      const isLast = step === path.length - 1;
      const end = step === 0 ? 'start' : isLast ? 'end' : '';
      return step % stride === 0 || isLast ? [{ x, y, step, series, end }] : [];
    });
  });
  const axis = (title: string) => ({ title, grid: false });
  const position = {
    x: { field: 'x', type: 'quantitative', scale: { domain: area.x, nice: false }, axis: axis(xTitle) },
    y: { field: 'y', type: 'quantitative', scale: { domain: area.y, nice: false }, axis: axis(yTitle) },
  };
  const series = seriesEncoding(entries.map(([name]) => name));
  const lines =
    of === undefined
      ? []
      : [
          {
            data: {
              values: contours(of, area, levels).flatMap((line, contour) =>
                line.map(({ x, y }, step) => ({ x, y, step, contour })),
              ),
            },
            mark: { type: 'line', color: colorOf('axis'), strokeWidth: 0.8, opacity: 0.7 },
            encoding: { ...position, detail: { field: 'contour' }, order: { field: 'step' } },
          },
        ];
  const ends = (end: string, filled: boolean) => ({
    data: { values: rows.filter((row) => row.end === end) },
    mark: { type: 'point', size: 80, strokeWidth: 2, filled, opacity: 1 },
    encoding: { ...position, color: series.color },
  });
  return {
    ...headed(settings, 'Parameter paths'),
    width,
    height,
    layer: [
      ...lines,
      {
        data: { values: rows },
        mark: { type: 'line', clip: true },
        encoding: { ...position, ...series, order: { field: 'step' } },
      },
      ends('start', false),
      ends('end', true),
    ],
  };
}

function areaOf(points: readonly (readonly [number, number])[]): Area {
  const range = (axis: 0 | 1): [number, number] => {
    const values = points.map((point) => point[axis]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = high > low ? (high - low) / 10 : 1;
    return [low - margin, high + margin];
  };
  return { x: range(0), y: range(1) };
}
