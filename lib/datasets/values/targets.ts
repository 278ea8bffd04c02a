/** Several targets a sample, by name, for models with several heads. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { type Shape, sizeOf } from '../../core/shape.ts';
import type { LabelParts, Target } from '../parts/dataset-parts.ts';
import { kindOf, type LabelData, readLabels } from './labels.ts';

/** Labels by the names of the heads that are trained on them. */
export type TargetData = Readonly<Record<string, LabelData>>;

const NAME = /^[A-Za-z0-9_-]{1,100}$/;

/**
 * Checks and copies the targets of `count` samples: side by side as float32, which holds every class, in the order of
 * their names. `kinds` may say what a target of a name is where its numbers could be either.
 */
export function readTargets(
  operation: string,
  field: string,
  given: unknown,
  count: number,
  kinds: (name: string, guess: 'class' | 'values') => 'class' | 'values' = (_, guess) => guess,
): LabelParts<'targets'> {
  const entries = typeof given === 'object' && given !== null ? Object.entries(given) : [];
  if (entries.length === 0 || Array.isArray(given) || ArrayBuffer.isView(given)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: ${field} must be an object of labels by the names of heads, such as { price: [[1.5]], kind: [2] }, got ${formatValue(given)}`,
    );
  }
  let first = 0;
  const read = entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, data]) => {
      const labels = readOne(operation, field, name, data as LabelData, count, kinds);
      const { labelKind, labelShape: shape } = labels;
      const target: Target = Object.freeze({ name, kind: labelKind as Target['kind'], shape, first });
      first += sizeOf(shape);
      return { target, labels: labels.labels ?? [] };
    });
  return {
    labelKind: 'targets',
    labelShape: Object.freeze([first]),
    labels: sideBySide(read, first, count),
    targets: Object.freeze(read.map(({ target }) => target)),
    classCount: 0,
    classNames: undefined,
    rows: undefined,
  };
}

function readOne(
  operation: string,
  field: string,
  name: string,
  labels: LabelData,
  count: number,
  kinds: (name: string, guess: 'class' | 'values') => 'class' | 'values',
): Omit<LabelParts, 'rows'> {
  if (!NAME.test(name)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: ${field}: ${formatValue(name)} is no name of a head; names are 1 to 100 letters, digits, _ and -`,
    );
  }
  const where = `${operation}: ${field}.${name}`;
  if (!Array.isArray(labels) && !ArrayBuffer.isView(labels)) {
    throw new GradloomError('INVALID_OPTION', `${where} must be an array, got ${formatValue(labels)}`);
  }
  const labelKind = kinds(name, kindOf(labels) as 'class' | 'values');
  return readLabels(where, { labels, labelKind, labelShape: undefined, classNames: undefined }, count);
}

function sideBySide(
  read: readonly { readonly target: Target; readonly labels: ArrayLike<number> }[],
  width: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const all = new Float32Array(width * count);
  for (const { target, labels } of read) {
    const size = sizeOf(target.shape as Shape);
    for (let place = 0; place < count; place++) {
      for (let i = 0; i < size; i++)
        all[place * width + target.first + i] = labels[place * size + i] as number;
    }
  }
  return all;
}
