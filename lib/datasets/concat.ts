import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { formatShape, sameShape, sizeOf } from '../core/shape.ts';
import type { DatasetParts, Inputs, Labels } from './dataset-parts.ts';
import { countRows, isSparse, joinSparse } from './sparse-inputs.ts';

/** The arrays of several datasets one behind another; `parts` of the first are compared with the others. */
export function concatParts(all: readonly DatasetParts[]): DatasetParts {
  const [first, ...others] = all as readonly [DatasetParts, ...DatasetParts[]];
  for (const [place, other] of others.entries()) checkAlike(first, other, place);
  const inputs = gatherInputs(all, sizeOf(first.inputShape));
  const labels =
    first.labels === undefined
      ? undefined
      : gather(all, ({ labels }) => labels as Labels, sizeOf(first.labelShape));
  return {
    ...first,
    inputs,
    labels,
    classCount: Math.max(...all.map(({ classCount }) => classCount)),
    sampleWeights: gatherWeights(all),
    gaps: gatherGaps(all),
    rows: undefined,
  };
}

function checkAlike(first: DatasetParts, other: DatasetParts, place: number): void {
  const fail = (what: string, got: string, expected: string) =>
    new GradloomError(
      'SHAPE_MISMATCH',
      `concat: argument ${place} has ${what} ${got}, the first dataset ${expected}`,
    );
  for (const shape of ['inputShape', 'labelShape'] as const) {
    if (!sameShape(first[shape], other[shape]))
      throw fail(shape, formatShape(other[shape]), formatShape(first[shape]));
  }
  if (first.labelKind !== other.labelKind) throw fail('labelKind', other.labelKind, first.labelKind);
  for (const what of ['preprocessing', 'classNames', 'table', 'vectorizer'] as const) {
    const [a, b] = [JSON.stringify(first[what]), JSON.stringify(other[what])];
    if (a === b) continue;
    const remedy = what === 'table' ? '; read it with { like }' : '';
    throw new GradloomError(
      'INVALID_DATA',
      `concat: argument ${place} has another ${what} (${formatValue(b ?? 'none')}) than the first dataset (${formatValue(a ?? 'none')})${remedy}`,
    );
  }
}

/** The samples of a view, in its order, in arrays of their own. */
export function compact<Parts extends DatasetParts>(parts: Parts): Parts {
  return concatParts([parts]) as Parts;
}

function countOf(parts: DatasetParts): number {
  return parts.rows?.length ?? countRows(parts);
}

function gatherInputs(all: readonly DatasetParts[], size: number): DatasetParts['inputs'] {
  const sparse = all.flatMap(({ inputs, rows }) => (isSparse(inputs) ? [{ inputs, rows }] : []));
  if (sparse.length === all.length) return joinSparse(sparse);
  if (sparse.length === 0) return gather(all, ({ inputs }) => inputs as Inputs, size) as Inputs;
  throw new GradloomError(
    'INVALID_DATA',
    'concat: some datasets are sparse and some are not; make all by fromSparse',
  );
}

/** Where some have weights, the samples of the others weigh 1. */
function gatherWeights(all: readonly DatasetParts[]): Float32Array<ArrayBuffer> | undefined {
  if (all.every(({ sampleWeights }) => sampleWeights === undefined)) return undefined;
  const weights = all.flatMap((parts) =>
    Array.from({ length: countOf(parts) }, (_, place) => {
      const { rows, sampleWeights } = parts;
      return sampleWeights?.[rows?.[place] ?? place] ?? 1;
    }),
  );
  return Float32Array.from(weights);
}

function gatherGaps(all: readonly DatasetParts[]): DatasetParts['gaps'] {
  return all[0]?.table?.inputs.map((_, column) => {
    const places: number[] = [];
    let first = 0;
    for (const { rows, gaps = [], ...parts } of all) {
      const filled = new Set(gaps[column]);
      const count = countOf({ rows, ...parts });
      if (filled.size > 0) {
        for (let place = 0; place < count; place++) {
          if (filled.has(rows?.[place] ?? place)) places.push(first + place);
        }
      }
      first += count;
    }
    return Uint32Array.from(places);
  });
}

/** Integers stay what they are where all are of one type. */
function gather<Data extends Inputs | Labels>(
  all: readonly DatasetParts[],
  arrayOf: (parts: DatasetParts) => Data,
  size: number,
): Inputs | Labels {
  const arrays = all.map(arrayOf);
  const counts = all.map(countOf);
  const total = counts.reduce((sum, count) => sum + count, 0) * size;
  const joined = newArray(arrays, total);
  let filled = 0;
  for (const [index, { rows }] of all.entries()) {
    const array = arrays[index] as Data;
    for (let place = 0; place < (counts[index] as number); place++) {
      const start = (rows?.[place] ?? place) * size;
      joined.set(array.subarray(start, start + size), filled);
      filled += size;
    }
  }
  return joined;
}

function newArray(arrays: readonly (Inputs | Labels)[], length: number): Inputs | Labels {
  if (arrays.every((array) => array instanceof Uint8Array)) return new Uint8Array(length);
  return arrays.some((array) => array instanceof Float32Array)
    ? new Float32Array(length)
    : new Int32Array(length);
}
