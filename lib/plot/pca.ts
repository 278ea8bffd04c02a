/** Principal components: the orthogonal directions in which rows vary most. */

export interface Projection {
  /** Two a row. */
  readonly points: readonly (readonly [number, number])[];
  /** Of the rows' variance, that of either direction. */
  readonly shares: readonly [number, number];
}

const MAX_ROUNDS = 1000;
const TOLERANCE = 1e-14;

/** Rows of equal length, projected on their first two components by power iteration on the covariance. */
export function projectToPlane(rows: readonly ArrayLike<number>[]): Projection {
  const size = rows[0]?.length ?? 0;
  const mean = Float64Array.from(
    { length: size },
    (_, j) => rows.reduce((sum, row) => sum + (row[j] as number), 0) / rows.length,
  );
  const centred = rows.map((row) => Float64Array.from(row).map((value, j) => value - (mean[j] as number)));
  const total = centred.reduce((sum, row) => sum + dot(row, row), 0);
  const first = component(centred, []);
  const second = component(centred, [first]);
  const places = [first, second].map((direction) => centred.map((row) => dot(row, direction)));
  const share = (values: readonly number[]) =>
    total > 0 ? values.reduce((sum, value) => sum + value * value, 0) / total : 0;
  return {
    points: rows.map((_, i) => [places[0]?.[i] as number, places[1]?.[i] as number] as const),
    shares: [share(places[0] as number[]), share(places[1] as number[])],
  };
}

/** The direction of most variance that is orthogonal to those before. Its largest entry is positive, so that its sign is one. */
function component(rows: readonly Float64Array[], before: readonly Float64Array[]): Float64Array {
  const size = rows[0]?.length ?? 0;
  // Irregular, so that it is orthogonal to no direction by design.
  let direction = unit(
    orthogonal(
      Float64Array.from({ length: size }, (_, j) => Math.sin(1 + j * j)),
      before,
    ),
  );
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = new Float64Array(size);
    for (const row of rows) {
      const weight = dot(row, direction);
      for (let j = 0; j < size; j++) next[j] = (next[j] as number) + weight * (row[j] as number);
    }
    const turned = unit(orthogonal(next, before));
    const change = 1 - Math.abs(dot(turned, direction));
    direction = turned;
    if (change < TOLERANCE) break;
  }
  const largest = direction.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? direction.map((value) => -value) : direction;
}

function orthogonal(vector: Float64Array, others: readonly Float64Array[]): Float64Array {
  return others.reduce((rest, other) => {
    const weight = dot(rest, other);
    return rest.map((value, j) => value - weight * (other[j] as number));
  }, vector);
}

function unit(vector: Float64Array): Float64Array {
  const norm = Math.sqrt(dot(vector, vector));
  return norm > 0 ? vector.map((value) => value / norm) : vector;
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, j) => sum + value * (b[j] as number), 0);
}
