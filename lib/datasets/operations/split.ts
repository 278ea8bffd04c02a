import { GradloomError } from '../../core/errors.ts';
import {
  guardedBy,
  numberThat,
  oneOf,
  optional,
  readOptions,
  seed,
  withDefault,
} from '../../core/options.ts';
import { RandomStream } from '../../core/philox.ts';
import type { LabelKind, Labels } from '../parts/dataset-parts.ts';

export interface SplitOptions<Label extends LabelKind = LabelKind> {
  /** The first part's share, between 0 and 1; the rest is the second part. Either this or `sizes`. */
  readonly fraction?: number;
  /** How many samples each part gets; samples left over go to neither. */
  readonly sizes?: readonly [first: number, second: number];
  /** Default: 0. */
  readonly seed?: number;
  /** `'labels'`: each class is shared out in proportion, to within a sample. Needs class labels. */
  readonly stratify?: Label extends 'class' ? 'labels' : never;
}

type Sizes = readonly [number, number];

const sizes = guardedBy(
  'two integers of at least 1',
  (given): given is Sizes =>
    Array.isArray(given) &&
    given.length === 2 &&
    [...given].every((size) => Number.isSafeInteger(size) && size >= 1),
);

const OPTIONS = {
  fraction: optional(numberThat('a number between 0 and 1', (value) => value > 0 && value < 1)),
  sizes: optional(sizes),
  seed: withDefault(seed, 0),
  stratify: optional(oneOf('labels')),
};

/** Shares `rows` out to two parts. `labels`, if they are classes, are indexed by row. */
export function splitRows(
  rows: Uint32Array<ArrayBuffer>,
  labels: Labels | undefined,
  given: SplitOptions,
): [Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>] {
  const options = readOptions('split', given, OPTIONS);
  const parts = readSizes(options, rows.length);
  if (options.stratify !== undefined && labels === undefined) {
    throw invalid(`stratify "labels" needs class labels; leave it out`);
  }
  const strata = options.stratify === undefined ? undefined : labels;
  const shuffled = shuffleRows(rows, new RandomStream(options.seed, 'split'));
  return strata === undefined
    ? [shuffled.slice(0, parts[0]), shuffled.slice(parts[0], parts[0] + parts[1])]
    : shareByClass(shuffled, strata, parts);
}

function readSizes(
  options: { fraction: number | undefined; sizes: Sizes | undefined },
  length: number,
): Sizes {
  const { fraction, sizes: given } = options;
  if ((fraction === undefined) === (given === undefined)) {
    throw invalid("give either fraction (the first part's share) or sizes ([first, second])");
  }
  if (given !== undefined) {
    if (given[0] + given[1] <= length) return given;
    throw invalid(
      `sizes [${given[0]}, ${given[1]}] need ${given[0] + given[1]} samples, but there are ${length}`,
    );
  }
  const first = Math.round((fraction as number) * length);
  if (first >= 1 && first < length) return [first, length - first];
  throw invalid(`fraction ${fraction} of ${length} samples leaves a part empty; give sizes, or more samples`);
}

/** Fisher and Yates' shuffle. */
export function shuffleRows(rows: Uint32Array<ArrayBuffer>, random: RandomStream): Uint32Array<ArrayBuffer> {
  const shuffled = rows.slice();
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const row = shuffled[last] as number;
    shuffled[last] = shuffled[other] as number;
    shuffled[other] = row;
  }
  return shuffled;
}

/** Walks the shuffled rows: each goes to the first part that still has room for its class, or to neither. */
function shareByClass(
  shuffled: Uint32Array<ArrayBuffer>,
  labels: Labels,
  [firstSize, secondSize]: Sizes,
): [Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>] {
  const counts = countClasses(shuffled, labels);
  const firstRoom = apportion(counts, firstSize);
  const rest = new Map(
    [...counts].map(([label, count]) => [label, count - (firstRoom.get(label) as number)]),
  );
  const secondRoom = apportion(rest, secondSize);
  const first = new Uint32Array(firstSize);
  const second = new Uint32Array(secondSize);
  let inFirst = 0;
  let inSecond = 0;
  for (const row of shuffled) {
    const label = labels[row] as number;
    if (takeRoom(firstRoom, label)) first[inFirst++] = row;
    else if (takeRoom(secondRoom, label)) second[inSecond++] = row;
  }
  return [first, second];
}

/** Samples by class, the classes in order. */
function countClasses(rows: Uint32Array, labels: Labels): Map<number, number> {
  const counts = new Map<number, number>();
  for (const row of rows) {
    const label = labels[row] as number;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  for (const [label, count] of counts) {
    if (count === 1) {
      throw new GradloomError(
        'INVALID_DATA',
        `split: class ${label} has 1 sample, but stratify "labels" needs at least 2 of each; drop it or leave stratify out`,
      );
    }
  }
  return new Map([...counts].sort(([a], [b]) => a - b));
}

/**
 * Shares out `size` places in proportion to the counts, the odd ones to the largest remainders (equal ones: lower
 * class).
 */
function apportion(counts: ReadonlyMap<number, number>, size: number): Map<number, number> {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const shares = [...counts].map(([label, count]) => {
    const exact = (count * size) / total;
    return { label, places: Math.floor(exact), remainder: exact % 1 };
  });
  const odd = size - shares.reduce((sum, { places }) => sum + places, 0);
  shares.sort((a, b) => b.remainder - a.remainder);
  return new Map(shares.map(({ label, places }, rank) => [label, places + (rank < odd ? 1 : 0)]));
}

function takeRoom(room: Map<number, number>, label: number): boolean {
  const left = room.get(label) as number;
  if (left === 0) return false;
  room.set(label, left - 1);
  return true;
}

function invalid(text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `split: ${text}`);
}
