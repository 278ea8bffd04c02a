import { numberThat, type Rule, required } from '../core/options.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface DropoutOptions extends NamedOptions {
  /** The probability with which a value is set to 0, from 0 up to but not including 1. */
  readonly rate: number;
}

export const dropRate: Rule<number> = numberThat(
  'a number from 0 up to but not including 1',
  (rate) => rate >= 0 && rate < 1,
);

const OPTIONS = { rate: required(dropRate) };

/**
 * While training, sets values to 0 at random and multiplies the others by `1 / (1 - rate)`, so that their
 * mean stays (Srivastava et al. 2014, "inverted" form). Passes everything on unchanged otherwise. Keeps the
 * shape.
 */
export function dropout(options: DropoutOptions): Layer<'asInput'> {
  return describeLayer('dropout', options, OPTIONS);
}
