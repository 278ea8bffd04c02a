import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import {
  formatValue,
  guardedBy,
  oneOf,
  optional,
  readOptions,
  required,
  sampleShape,
} from '../../core/options.ts';
import { isVectorizer, type Vectorizer, vectorize } from '../../text/vectorizer.ts';
import { Dataset, type LabelKind, partsOf } from '../dataset.ts';
import { isList } from '../values/copies.ts';
import { classNames, type LabelData } from '../values/labels.ts';
import type { KindOf } from './from-arrays.ts';
import { buildSparse } from './from-sparse.ts';

/** Names of classes, one a text, or labels as `fromArrays` has them. */
export type TextLabels = readonly string[] | LabelData;

/** The kind that labels of texts have when `labelKind` is left out. */
export type TextKindOf<Data extends TextLabels | undefined> = Data extends readonly string[]
  ? 'class'
  : Data extends LabelData | undefined
    ? KindOf<Data>
    : LabelKind;

export interface TextSource<
  Data extends TextLabels | undefined = TextLabels | undefined,
  Label extends LabelKind = LabelKind,
> {
  readonly texts: readonly string[];
  /** What makes samples of texts: `tfidfVectorizer(texts)`, `countVectorizer(texts)` or `hashingVectorizer()`. */
  readonly vectorizer: Vectorizer;
  /**
   * Strings are names of classes, numbered in their alphabetical order, or in that of `classNames`; otherwise as for `fromArrays`.
   * Default: no labels.
   */
  readonly labels?: Data;
  readonly labelKind?: Label;
  readonly labelShape?: readonly number[];
  readonly classNames?: readonly string[];
  /** As for `fromArrays`. Default: 1 for all. */
  readonly sampleWeights?: Float32Array;
}

const OPTIONS = {
  texts: required(
    guardedBy('an array of strings', (given): given is readonly unknown[] => Array.isArray(given)),
  ),
  vectorizer: required(guardedBy('a vectorizer such as tfidfVectorizer(texts)', isVectorizer)),
  labels: optional(guardedBy('a typed array or an array', (given): given is TextLabels => isList(given))),
  labelKind: optional(oneOf('class', 'values', 'none')),
  labelShape: optional(sampleShape),
  classNames: optional(classNames),
  sampleWeights: optional(guardedBy('a Float32Array', types.isFloat32Array)),
};

/**
 * A dataset of texts as sparse samples. A model that is trained on it keeps the vectorizer, saved and loaded or not, so that its
 * `predict` and `classify` take texts.
 *
 * @example
 * const train = fromTexts({ texts, vectorizer: tfidfVectorizer(texts), labels: ['spam', 'ham', 'ham'] });
 *
 * Throws what `fromSparse` throws, and `LABEL_OUT_OF_RANGE` for a label that `classNames` lacks.
 */
export function fromTexts<
  Data extends TextLabels | undefined = undefined,
  Label extends LabelKind = TextKindOf<Data>,
>(source: TextSource<Data, Label>): Dataset<readonly [number], Label> {
  const { texts, vectorizer, labels, ...options } = readOptions('fromTexts', source, OPTIONS);
  const { inputShape, ...inputs } = vectorize('fromTexts', vectorizer, texts);
  const dataset = buildSparse('fromTexts', {
    ...options,
    ...(isNames(labels) ? numberClasses(labels, options.classNames) : { labels }),
    features: inputShape[0],
    inputs: inputs as Parameters<typeof buildSparse>[1]['inputs'],
  });
  return new Dataset({ ...partsOf(dataset), vectorizer }) as unknown as Dataset<readonly [number], Label>;
}

function isNames(labels: TextLabels | undefined): labels is readonly string[] {
  return Array.isArray(labels) && typeof labels[0] === 'string';
}

function numberClasses(labels: readonly string[], given: readonly string[] | undefined) {
  const names = given ?? Object.freeze([...new Set(labels)].sort());
  const numbers = new Map(names.map((name, place) => [name, place]));
  const classes = Int32Array.from(labels, (label, place) => {
    const number = numbers.get(label);
    if (number !== undefined && typeof label === 'string') return number;
    throw new GradloomError(
      typeof label === 'string' ? 'LABEL_OUT_OF_RANGE' : 'INVALID_DATA',
      `fromTexts: labels[${place}] is ${formatValue(label)}, which is none of classNames`,
    );
  });
  return { labels: classes, classNames: names };
}
