/** Lines that lie on others. */
import type { Datum } from './spec.ts';

/** Pixels within which one line hides another. */
const NEAR = 1.5;
/** Of its length, from which on a line counts as hidden. */
const HIDDEN = 0.95;

export interface PlotArea {
  readonly width: number;
  readonly height: number;
  readonly scales: { readonly x: 'linear' | 'log'; readonly y: 'linear' | 'log' };
}

/**
 * For each series how many earlier ones it would hide, of rows `{ x, y, series }`: 0, or what chooses a dash that lets
 * them through.
 */
export function countCovered(names: readonly string[], rows: readonly Datum[], area: PlotArea): number[] {
  const toX = pixels(rows, 'x', area.scales.x, area.width);
  const toY = pixels(rows, 'y', area.scales.y, area.height);
  const lines = names.map(
    (name) => new Map(rows.filter(({ series }) => series === name).map((row) => [toX(row), toY(row)])),
  );
  return lines.map((line, place) => lines.slice(0, place).filter((below) => hides(line, below)).length);
}

/** By place on the x axis. */
type Line = ReadonlyMap<number, number>;

function hides(line: Line, below: Line): boolean {
  let [hidden, whole] = [0, 0];
  let before: readonly [x: number, y: number, isNear: boolean] | undefined;
  for (const [x, y] of below) {
    const isNear = Math.abs((line.get(x) ?? Number.NaN) - y) <= NEAR;
    if (before !== undefined && Number.isFinite(y)) {
      const length = Math.hypot(x - before[0], y - before[1]);
      whole += length;
      if (isNear && before[2]) hidden += length;
    }
    before = Number.isFinite(y) ? [x, y, isNear] : undefined;
  }
  return whole > 0 && hidden >= HIDDEN * whole;
}

/** The place of a row on an axis; NaN for a gap. */
function pixels(rows: readonly Datum[], axis: 'x' | 'y', scale: 'linear' | 'log', size: number) {
  const measure = (row: Datum) => {
    const value = row[axis];
    if (typeof value !== 'number') return Number.NaN;
    return scale === 'log' ? Math.log(value) : value;
  };
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of rows.map(measure)) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const factor = high > low ? size / (high - low) : 0;
  return (row: Datum) => (measure(row) - low) * factor;
}
