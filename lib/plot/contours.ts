/** Lines of equal value of a function of two numbers, by marching squares. */
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';

export interface Area {
  readonly x: readonly [low: number, high: number];
  readonly y: readonly [low: number, high: number];
}

/** Points in order; a line that closes ends where it began. */
export type Contour = readonly Point[];

const CELLS = 80;

export function contours(of: (x: number, y: number) => number, area: Area, count: number): Contour[] {
  const at = ([low, high]: readonly [number, number], i: number) => low + ((high - low) * i) / CELLS;
  const values = Array.from({ length: CELLS + 1 }, (_, j) =>
    Float64Array.from({ length: CELLS + 1 }, (_, i) => evaluate(of, at(area.x, i), at(area.y, j))),
  );
  const corner = (column: number, row: number): Corner => ({
    x: at(area.x, column),
    y: at(area.y, row),
    value: values[row]?.[column] as number,
  });
  const cells = Array.from({ length: CELLS * CELLS }, (_, k) => {
    const [i, j] = [k % CELLS, Math.floor(k / CELLS)];
    return [corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)];
  });
  return levelsOf(values, count).flatMap((level) => join(cells.flatMap((cell) => crossings(cell, level))));
}

function evaluate(of: (x: number, y: number) => number, x: number, y: number): number {
  const value: unknown = of(x, y);
  if (typeof value === 'number') return value;
  throw new GradloomError(
    'INVALID_OPTION',
    `paths: of(${x}, ${y}) must return a number, got ${formatValue(value)}`,
  );
}

/** At equal shares of the area, so that steep and flat parts both have lines. */
function levelsOf(values: readonly Float64Array[], count: number): number[] {
  const sorted = values.flatMap((row) => [...row].filter(Number.isFinite)).sort((a, b) => a - b);
  const levels = Array.from({ length: count }, (_, k) => {
    const share = ((k + 0.5) / count) ** 2;
    return sorted[Math.floor(share * (sorted.length - 1))] as number;
  });
  return [...new Set(levels)];
}

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Corner extends Point {
  readonly value: number;
}

/** A straight piece of a line, within one cell. */
type Piece = readonly [Point, Point];

/** Where a line enters and leaves a cell. A saddle's four points are joined in order, which is one of its two readings. */
function crossings(corners: readonly Corner[], level: number): Piece[] {
  const points = corners.flatMap((one, k) => {
    // From the lower corner to the higher, so that both cells of an edge compute the same point.
    const next = corners[(k + 1) % corners.length] as Corner;
    const [a, b] = one.value < next.value ? [one, next] : [next, one];
    const isCrossed = a.value < level && level <= b.value && Number.isFinite(b.value - a.value);
    if (!isCrossed) return [];
    const share = (level - a.value) / (b.value - a.value);
    return [{ x: a.x + share * (b.x - a.x), y: a.y + share * (b.y - a.y) }];
  });
  return [0, 2].flatMap((k): Piece[] => {
    const [from, to] = [points[k], points[k + 1]];
    return from && to ? [[from, to]] : [];
  });
}

/** Pieces that share an end become one line. */
function join(pieces: readonly Piece[]): Contour[] {
  const keyOf = ({ x, y }: Point) => `${x} ${y}`;
  const byEnd = new Map<string, Piece[]>();
  for (const piece of pieces)
    for (const end of piece) byEnd.set(keyOf(end), [...(byEnd.get(keyOf(end)) ?? []), piece]);
  const used = new Set<Piece>();
  const walk = (start: Point): Point[] => {
    const points: Point[] = [];
    for (let end = start; ; ) {
      const next = byEnd.get(keyOf(end))?.find((piece) => !used.has(piece));
      if (next === undefined) return points;
      used.add(next);
      end = keyOf(next[0]) === keyOf(end) ? next[1] : next[0];
      points.push(end);
    }
  };
  return pieces.flatMap((piece) => {
    if (used.has(piece)) return [];
    used.add(piece);
    const [from, to] = piece;
    return [[...walk(from).reverse(), from, to, ...walk(to)]];
  });
}
