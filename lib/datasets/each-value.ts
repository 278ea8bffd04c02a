import { sizeOf } from '../core/shape.ts';
import type { DatasetParts, Inputs } from './dataset-parts.ts';
import { factorsAt, lastExtent } from './preprocessing.ts';

/** Visits all values as a model sees them, sample by sample; `channel` is the index of the last axis. */
export function forEachValue(
  { inputs, rows, inputShape, preprocessing }: DatasetParts & { readonly inputs: Inputs },
  visit: (value: number, channel: number, row: number) => void,
): void {
  const size = sizeOf(inputShape);
  const channels = lastExtent(inputShape);
  const factors = Array.from({ length: channels }, (_, channel) => factorsAt(preprocessing, channel));
  const scale = Float64Array.from(factors, (factor) => factor.scale);
  const shift = Float64Array.from(factors, (factor) => factor.shift);
  const count = rows?.length ?? inputs.length / size;
  for (let place = 0; place < count; place++) {
    const row = rows?.[place] ?? place;
    let index = row * size;
    for (const end = index + size; index < end; ) {
      for (let channel = 0; channel < channels; channel++, index++) {
        const value = (inputs[index] as number) * (scale[channel] as number) + (shift[channel] as number);
        visit(value, channel, row);
      }
    }
  }
}
