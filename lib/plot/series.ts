/** Named rows of numbers, as users have them, and the points that are drawn of them. */
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import type { Datum } from './spec.ts';

/** Values one after another, at 1, 2, 3, ...; or with their places. */
export type Series = ArrayLike<number> | { readonly x: ArrayLike<number>; readonly y: ArrayLike<number> };

/** By the name that the legend shows, in the legend's order. */
export type NamedSeries = Readonly<Record<string, Series>>;

/** More points than pixels say nothing more. */
const MAX_POINTS = 1000;

interface Points {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

export function readSeries(operation: string, given: NamedSeries): readonly (readonly [string, Points])[] {
  const entries =
    typeof given === 'object' && given !== null && !Array.isArray(given) ? Object.entries(given) : [];
  if (entries.length === 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: series must be an object of at least one list of numbers by name, such as { adagrad: [1, 0.5] }, got ${formatValue(given)}`,
    );
  }
  return entries.map(([name, series]) => [name, readPoints(operation, name, series)]);
}

function readPoints(operation: string, name: string, given: Series): Points {
  const fail = (text: string) =>
    new GradloomError('INVALID_OPTION', `${operation}: series ${formatValue(name)} ${text}`);
  if (isNumbers(given)) return { x: Float64Array.from({ length: given.length }, (_, i) => i + 1), y: given };
  const { x, y } = (given ?? {}) as Partial<Points>;
  if (!isNumbers(x) || !isNumbers(y)) {
    throw fail(`must be a list of at least one number, or { x, y } of two, got ${formatValue(given)}`);
  }
  if (x.length === y.length) return { x, y };
  throw fail(`has ${x.length} places x for ${y.length} values y`);
}

export function isNumbers(given: unknown): given is ArrayLike<number> {
  if (typeof given !== 'object' || given === null || !('length' in given)) return false;
  const list = given as ArrayLike<unknown>;
  return list.length > 0 && Array.from(list).every((value) => typeof value === 'number');
}

/** Rows `{ x, y, series }`; what is not finite, or has no logarithm where one is taken, leaves a gap. */
export function toRows(
  series: readonly (readonly [string, Points])[],
  scales: { readonly x: 'linear' | 'log'; readonly y: 'linear' | 'log' },
): Datum[] {
  const shown = (value: number, scale: 'linear' | 'log') =>
    Number.isFinite(value) && (scale === 'linear' || value > 0) ? value : null;
  return series.flatMap(([name, { x, y }]) =>
    thin(x, scales.x).map((i) => ({
      x: shown(x[i] as number, scales.x),
      y: shown(y[i] as number, scales.y),
      series: name,
    })),
  );
}

/** Places to draw, spread evenly over the axis, with both ends. */
function thin(x: ArrayLike<number>, scale: 'linear' | 'log'): number[] {
  const { length } = x;
  if (length <= MAX_POINTS) return Array.from({ length }, (_, i) => i);
  const place = (share: number) =>
    scale === 'log' ? Math.round(length ** share) - 1 : Math.round(share * (length - 1));
  return [...new Set(Array.from({ length: MAX_POINTS }, (_, i) => place(i / (MAX_POINTS - 1))))];
}
