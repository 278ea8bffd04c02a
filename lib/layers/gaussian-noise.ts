import { nonNegative, required } from '../core/options.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface GaussianNoiseOptions extends NamedOptions {
  /** Of the noise, in the units of the input; at least 0. */
  readonly standardDeviation: number;
}

const OPTIONS = { standardDeviation: required(nonNegative) };

/**
 * While training, adds normal noise with mean 0 to every value. Passes everything on unchanged otherwise.
 * Keeps the shape.
 */
export function gaussianNoise(options: GaussianNoiseOptions): Layer<'asInput'> {
  return describeLayer('gaussianNoise', options, OPTIONS);
}
