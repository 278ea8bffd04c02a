import { sizeOf } from '../../core/shape.ts';
import type { DatasetParts } from './dataset-parts.ts';
import { factorsAt, lastExtent } from './preprocessing.ts';
import { countOf } from './samples.ts';
import { type DenseInputs, rowOf } from './stored-inputs.ts';

/** Visits all values as a model sees them, sample by sample; `channel` is the index of the last axis. */
export function forEachValue(
  parts: DatasetParts & { readonly inputs: DenseInputs },
  visit: (value: number, channel: number, row: number) => void,
): void {
  const { inputs, rows, inputShape, preprocessing } = parts;
  const size = sizeOf(inputShape);
  const channels = lastExtent(inputShape);
  const factors = Array.from({ length: channels }, (_, channel) => factorsAt(preprocessing, channel));
  const scale = Float64Array.from(factors, (factor) => factor.scale);
  const shift = Float64Array.from(factors, (factor) => factor.shift);
  const count = countOf(parts);
  for (let place = 0; place < count; place++) {
    const row = rows?.[place] ?? place;
    const stored = rowOf(inputs, row, size);
    for (let index = 0; index < size; ) {
      for (let channel = 0; channel < channels; channel++, index++) {
        const value = (stored[index] as number) * (scale[channel] as number) + (shift[channel] as number);
        visit(value, channel, row);
      }
    }
  }
}
