import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import { formatShape, sameShape, sizeOf } from '../core/shape.ts';
import type { DatasetParts, Inputs, Labels } from './dataset.ts';

/** The arrays of several datasets one behind another; `parts` of the first are compared with the others. */
export function concatParts(all: readonly DatasetParts[]): DatasetParts {
  const [first, ...others] = all as readonly [DatasetParts, ...DatasetParts[]];
  for (const [place, other] of others.entries()) checkAlike(first, other, place);
  const inputs = gather(all, ({ inputs }) => inputs, sizeOf(first.inputShape));
  const labels =
    first.labels === undefined
      ? undefined
      : gather(all, ({ labels }) => labels as Labels, sizeOf(first.labelShape));
  return {
    ...first,
    inputs: inputs as Inputs,
    labels,
    classCount: Math.max(...all.map(({ classCount }) => classCount)),
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
  for (const what of ['preprocessing', 'classNames', 'table'] as const) {
    const [a, b] = [JSON.stringify(first[what]), JSON.stringify(other[what])];
    if (a === b) continue;
    const remedy = what === 'table' ? '; read it with { like }' : '';
    throw new GradloomError(
      'INVALID_DATA',
      `concat: argument ${place} has another ${what} (${formatValue(b ?? 'none')}) than the first dataset (${formatValue(a ?? 'none')})${remedy}`,
    );
  }
}

/** Integers stay what they are where all are of one type. */
function gather<Data extends Inputs | Labels>(
  all: readonly DatasetParts[],
  arrayOf: (parts: DatasetParts) => Data,
  size: number,
): Inputs | Labels {
  const arrays = all.map(arrayOf);
  const counts = all.map(({ rows }, index) => rows?.length ?? (arrays[index] as Data).length / size);
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
