import { required } from '../core/options.ts';
import { dropRate } from './dropout.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface SpatialDropoutOptions extends NamedOptions {
  /** The probability with which a channel of a sample is set to 0, from 0 up to but not including 1. */
  readonly rate: number;
}

const OPTIONS = { rate: required(dropRate) };

/**
 * Dropout of whole channels, for maps whose neighbouring positions say nearly the same: while training, sets
 * all positions of a channel of a sample to 0 at random and multiplies the other channels by `1 / (1 - rate)`
 * (Tompson et al. 2015). Passes everything on unchanged otherwise. Keeps the shape, which is
 * `[..., channels]` with at least one axis before the channels.
 */
export function spatialDropout(options: SpatialDropoutOptions): Layer<'asInput'> {
  return describeLayer('spatialDropout', options, OPTIONS);
}
