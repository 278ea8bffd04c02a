import { GradloomError } from '../../core/errors.ts';
import { integer, oneOf, optional, readOptions, required, seed, withDefault } from '../../core/options.ts';
import { RandomStream } from '../../core/philox.ts';
import type { LabelKind, Labels } from '../parts/dataset-parts.ts';
import { shuffleRows } from './split.ts';

export interface FoldOptions<Label extends LabelKind = LabelKind> {
  /** The number of parts, from 2 to the number of samples. */
  readonly k: number;
  /** Default: 0. */
  readonly seed?: number;
  /** `'labels'`: each class is shared out evenly, to within a sample. Needs class labels. */
  readonly stratify?: Label extends 'class' ? 'labels' : never;
}

const OPTIONS = {
  k: required(integer(2)),
  seed: withDefault(seed, 0),
  stratify: optional(oneOf('labels')),
};

type Rows = Uint32Array<ArrayBuffer>;

/** Pairs of the rows outside of a part and in it. `labels`, if they are classes, are indexed by row. */
export function foldRows(rows: Rows, labels: Labels | undefined, given: FoldOptions): [Rows, Rows][] {
  const { k, seed: seedGiven, stratify } = readOptions('kFold', given, OPTIONS);
  const fail = (text: string) => new GradloomError('INVALID_OPTION', `kFold: ${text}`);
  if (k > rows.length) throw fail(`k ${k} exceeds the number of samples, ${rows.length}`);
  if (stratify !== undefined && labels === undefined) {
    throw fail('stratify "labels" needs class labels; leave it out');
  }
  const order = shuffleRows(rows, new RandomStream(seedGiven, 'kFold'));
  // Dealt out one after another, the parts' sizes differ by a sample at most; sorted by class, so do those of a class.
  if (stratify !== undefined && labels !== undefined) {
    order.sort((a, b) => (labels[a] as number) - (labels[b] as number));
  }
  return Array.from({ length: k }, (_, part) => [
    order.filter((_, place) => place % k !== part),
    order.filter((_, place) => place % k === part),
  ]);
}
