import type { Shape } from '../core/shape.ts';
import { sizeOf } from '../core/shape.ts';
import type { NativeColumn, NativeLabelledSamples, NativeSamples } from '../native.ts';
import { type Dataset, partsOf } from './dataset.ts';

/** What the native side reads of a dataset: its arrays themselves, not copies. */
export function nativeSamples(
  dataset: Dataset<Shape, 'class' | 'values'>,
): NativeLabelledSamples & NativeColumn;
export function nativeSamples(dataset: Dataset): NativeSamples & NativeColumn;
export function nativeSamples(dataset: Dataset): NativeSamples | NativeLabelledSamples {
  const { inputs, labels, labelShape, preprocessing, rows, sampleWeights } = partsOf(dataset);
  const samples: NativeSamples = {
    inputs,
    count: dataset.length,
    ...(rows === undefined ? {} : { indices: rows }),
    scale: Float32Array.from(preprocessing.scale),
    shift: Float32Array.from(preprocessing.shift),
  };
  if (labels === undefined) return samples;
  const weights = sampleWeights === undefined ? {} : { sampleWeights };
  return { ...samples, labels, labelSize: sizeOf(labelShape), ...weights };
}
