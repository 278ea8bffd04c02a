import { type InputShape, sizeOf } from '../core/shape.ts';
import type { LossLabelKind } from '../losses/loss.ts';
import type { NativeColumn, NativeLabelledSamples, NativeSamples } from '../native/index.ts';
import { anyPartsOf, type Dataset } from './dataset.ts';
import type { InputParts } from './parts/dataset-parts.ts';
import type { Preprocessing } from './parts/preprocessing.ts';

/** What the native side reads of a dataset: its arrays or mapped files themselves, not copies; several inputs in the order of `names`. */
export function nativeSamples(
  dataset: Dataset<InputShape, LossLabelKind>,
  names: readonly string[],
): NativeLabelledSamples;
export function nativeSamples(dataset: Dataset<InputShape>, names: readonly string[]): NativeSamples;
export function nativeSamples(
  dataset: Dataset<readonly number[], 'class' | 'values'>,
): NativeLabelledSamples & NativeColumn;
export function nativeSamples(dataset: Dataset): NativeSamples & NativeColumn;
export function nativeSamples(
  dataset: Dataset<InputShape>,
  names: readonly string[] = [],
): NativeSamples | NativeLabelledSamples {
  const parts = anyPartsOf(dataset);
  const { labels, labelShape, rows, sampleWeights } = parts;
  const set = { count: dataset.length, ...(rows === undefined ? {} : { indices: rows }) };
  const samples: NativeSamples =
    parts.columns === undefined
      ? { ...set, ...nativeColumn(parts) }
      : { ...set, columns: names.map((name) => nativeColumn(parts.columns[name] as InputParts)) };
  if (labels === undefined) return samples;
  const weights = sampleWeights === undefined ? {} : { sampleWeights };
  return { ...samples, labels, labelSize: sizeOf(labelShape), ...weights };
}

function nativeColumn({ inputs, preprocessing }: Pick<InputParts, 'inputs' | 'preprocessing'>): NativeColumn {
  return { inputs, ...toNativePreprocessing(preprocessing) };
}

type Factors = Pick<NativeColumn, 'scale' | 'shift'>;

/** The native side only reads them. Made once: otherwise they take half a microsecond of every prediction. */
const factorsOf = new WeakMap<Preprocessing, Factors>();

export function toNativePreprocessing(preprocessing: Preprocessing): Factors {
  const known = factorsOf.get(preprocessing);
  if (known !== undefined) return known;
  const { scale, shift } = preprocessing;
  const factors = { scale: Float32Array.from(scale), shift: Float32Array.from(shift) };
  factorsOf.set(preprocessing, factors);
  return factors;
}
