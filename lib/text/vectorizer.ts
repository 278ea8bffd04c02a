/** Texts as sparse samples: what the vectorizers have in common. */
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';

/** Texts as compressed rows, in the form that `fromSparse` takes beside labels. */
export interface VectorizedTexts {
  readonly inputShape: readonly [features: number];
  readonly offsets: Uint32Array;
  readonly indices: Uint32Array;
  readonly values: Float32Array;
}

/** Makes sparse samples of texts. Frozen; the same texts always give the same samples. */
export interface Vectorizer {
  readonly kind: 'count' | 'tfidf' | 'hashing';
  /** `[features]`: what models of its samples take. */
  readonly inputShape: readonly [features: number];
  /** The token of each feature, in order; undefined where tokens are hashed. */
  readonly vocabulary: readonly string[] | undefined;
  /** One sample a text, with its features ascending and each once; tokens that are not in the vocabulary are left out. */
  transform(texts: readonly string[]): VectorizedTexts;
  /** Plain data, from which `makeVectorizer` makes the same vectorizer again. */
  toJSON(): VectorizerRecord;
}

export interface VectorizerRecord {
  readonly kind: Vectorizer['kind'];
  readonly [attribute: string]: unknown;
}

export function isVectorizer(given: unknown): given is Vectorizer {
  const { transform, toJSON, inputShape } = (given ?? {}) as Readonly<Record<string, unknown>>;
  return typeof transform === 'function' && typeof toJSON === 'function' && Array.isArray(inputShape);
}

/** What a vectorizer makes of texts. One of the user's own may give anything. */
export function vectorize(operation: string, vectorizer: Vectorizer, texts: unknown): VectorizedTexts {
  const made: unknown = vectorizer.transform(checkTexts(operation, texts));
  if (typeof made === 'object' && made !== null && Array.isArray((made as VectorizedTexts).inputShape)) {
    return made as VectorizedTexts;
  }
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: the vectorizer's transform must give { inputShape, offsets, indices, values }, got ${formatValue(made)}`,
  );
}

export type TextNorm = 'l1' | 'l2' | 'none';

export function checkTexts(operation: string, texts: unknown): readonly string[] {
  if (!Array.isArray(texts)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: texts must be an array of strings, got ${formatValue(texts)}`,
    );
  }
  const place = texts.findIndex((text) => typeof text !== 'string');
  if (place < 0) return texts;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: texts[${place}] must be a string, got ${formatValue(texts[place])}`,
  );
}

/** One map from features to values a text, as compressed rows divided by their norms. */
export function compress(
  features: number,
  rows: readonly ReadonlyMap<number, number>[],
  norm: TextNorm,
): VectorizedTexts {
  const offsets = new Uint32Array(rows.length + 1);
  for (const [place, row] of rows.entries()) offsets[place + 1] = (offsets[place] as number) + row.size;
  const entries = offsets[rows.length] as number;
  const indices = new Uint32Array(entries);
  const values = new Float32Array(entries);
  for (const [place, row] of rows.entries()) {
    let to = offsets[place] as number;
    const divisor = normOf(row.values(), norm);
    for (const feature of Uint32Array.from(row.keys()).sort()) {
      const value = row.get(feature) as number;
      indices[to] = feature;
      values[to++] = divisor === 0 ? 0 : value / divisor;
    }
  }
  return Object.freeze({ inputShape: Object.freeze([features] as const), offsets, indices, values });
}

function normOf(values: Iterable<number>, norm: TextNorm): number {
  if (norm === 'none') return 1;
  let sum = 0;
  for (const value of values) sum += norm === 'l1' ? Math.abs(value) : value * value;
  return norm === 'l1' ? sum : Math.sqrt(sum);
}
