import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import type { AnyParts, InputParts, Labels } from '../parts/dataset-parts.ts';
import { isMapped } from '../parts/mapped-inputs.ts';
import { countOf, type InputView } from '../parts/samples.ts';
import { joinSparse } from '../parts/sparse-inputs.ts';
import { type DenseInputs, type Inputs, isBytes, isSparse, rowOf } from '../parts/stored-inputs.ts';

/** The arrays of several datasets one behind another; `parts` of the first are compared with the others. */
export function concatParts<Parts extends AnyParts>(all: readonly Parts[]): Parts {
  const [first, ...others] = all as readonly [Parts, ...Parts[]];
  for (const [place, other] of others.entries()) checkLabelsAlike(first, other, place);
  const labels =
    first.labels === undefined
      ? undefined
      : gather(all, ({ labels: each }) => each as Labels, sizeOf(first.labelShape));
  const joined = {
    ...first,
    labels,
    classCount: Math.max(...all.map(({ classCount }) => classCount)),
    sampleWeights: gatherWeights(all),
    rows: undefined,
  };
  if (first.columns === undefined) return { ...joined, ...concatInputs(all as readonly InputView[], '') };
  const names = Object.keys(first.columns);
  return { ...joined, columns: Object.fromEntries(names.map((name) => [name, concatColumn(all, name)])) };
}

function concatColumn(all: readonly AnyParts[], name: string): InputParts {
  const views = all.map(({ columns, rows }, place) => {
    const column = columns?.[name];
    if (
      column !== undefined &&
      Object.keys(columns ?? {}).length === Object.keys(all[0]?.columns ?? {}).length
    ) {
      return { ...column, rows };
    }
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `concat: argument ${place - 1} has other inputs than the first dataset`,
    );
  });
  return concatInputs(views, `input "${name}" of `);
}

function concatInputs(all: readonly InputView[], of: string): InputParts {
  const [first, ...others] = all as readonly [InputView, ...InputView[]];
  for (const [place, other] of others.entries()) checkInputsAlike(first, other, `${of}argument ${place}`);
  const { inputShape, preprocessing, table, vectorizer, firstFeature } = first;
  return {
    inputShape,
    preprocessing,
    table,
    vectorizer,
    firstFeature,
    inputs: gatherInputs(all, sizeOf(inputShape)),
    gaps: gatherGaps(all),
  };
}

function differs(who: string, what: string, got: string, expected: string): GradloomError {
  return new GradloomError(
    'SHAPE_MISMATCH',
    `concat: ${who} has ${what} ${got}, the first dataset ${expected}`,
  );
}

function checkLabelsAlike(first: AnyParts, other: AnyParts, place: number): void {
  const who = `argument ${place}`;
  if ((first.columns === undefined) !== (other.columns === undefined)) {
    throw differs(who, 'inputs', other.columns ? 'by name' : 'of one kind', 'has not');
  }
  if (!sameShape(first.labelShape, other.labelShape)) {
    throw differs(who, 'labelShape', formatShape(other.labelShape), formatShape(first.labelShape));
  }
  if (first.labelKind !== other.labelKind) throw differs(who, 'labelKind', other.labelKind, first.labelKind);
  checkSame(who, 'classNames', first.classNames, other.classNames);
  checkSame(who, 'targets', first.targets, other.targets);
}

function checkInputsAlike(first: InputParts, other: InputParts, who: string): void {
  if (!sameShape(first.inputShape, other.inputShape)) {
    throw differs(who, 'inputShape', formatShape(other.inputShape), formatShape(first.inputShape));
  }
  for (const what of ['preprocessing', 'table', 'vectorizer', 'firstFeature'] as const) {
    checkSame(who, what, first[what], other[what]);
  }
}

function checkSame(who: string, what: string, first: unknown, other: unknown): void {
  const [a, b] = [JSON.stringify(first), JSON.stringify(other)];
  if (a === b) return;
  const remedy = what === 'table' ? '; read it with { like }' : '';
  throw new GradloomError(
    'INVALID_DATA',
    `concat: ${who} has another ${what} (${formatValue(b ?? 'none')}) than the first dataset (${formatValue(a ?? 'none')})${remedy}`,
  );
}

/** The samples of a view, in its order, in arrays of their own in memory. */
export function compact<Parts extends AnyParts>(parts: Parts): Parts {
  return concatParts([parts]);
}

function gatherInputs(all: readonly InputView[], size: number): InputParts['inputs'] {
  const sparse = all.flatMap(({ inputs, rows }) => (isSparse(inputs) ? [{ inputs, rows }] : []));
  if (sparse.length === all.length) return joinSparse(sparse);
  if (sparse.length === 0) return gather(all, ({ inputs }) => inputs as DenseInputs, size) as Inputs;
  throw new GradloomError(
    'INVALID_DATA',
    'concat: some datasets are sparse and some are not; make all by fromSparse',
  );
}

/** Where some have weights, the samples of the others weigh 1. */
function gatherWeights(all: readonly AnyParts[]): Float32Array<ArrayBuffer> | undefined {
  if (all.every(({ sampleWeights }) => sampleWeights === undefined)) return undefined;
  const weights = all.flatMap((parts) =>
    Array.from({ length: countOf(parts) }, (_, place) => {
      const { rows, sampleWeights } = parts;
      return sampleWeights?.[rows?.[place] ?? place] ?? 1;
    }),
  );
  return Float32Array.from(weights);
}

function gatherGaps(all: readonly InputView[]): InputParts['gaps'] {
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
function gather<Data extends DenseInputs | Labels, Parts extends AnyParts | InputView>(
  all: readonly Parts[],
  arrayOf: (parts: Parts) => Data,
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
      joined.set(rowOf(array, rows?.[place] ?? place, size), filled);
      filled += size;
    }
  }
  return joined;
}

function newArray(arrays: readonly (DenseInputs | Labels)[], length: number): Inputs | Labels {
  if (arrays.every(isBytes)) return new Uint8Array(length);
  return arrays.some((array) => array instanceof Float32Array || isMapped(array))
    ? new Float32Array(length)
    : new Int32Array(length);
}
