import { type ClassAverage, ClassFigure, type ClassFigureOptions } from './class-figure.ts';
import type { Figure, Metric } from './metric.ts';

/**
 * Of the samples that the model takes for a class, the share that is of it.
 *
 * The counts of classes behind it take no memory to speak of. Throws `INVALID_OPTION` for options out of their
 * range, and for `average` beside `positiveClass`.
 */
export function precision(
  options: ClassFigureOptions<'none'> & { readonly average: 'none' },
): Metric<'precision', number[]>;
export function precision(
  options?: ClassFigureOptions<Exclude<ClassAverage, 'none'>>,
): Metric<'precision', number>;
export function precision(options: ClassFigureOptions = {}): Metric<'precision'> {
  return new Precision(options);
}

class Precision extends ClassFigure<'precision', Figure> {
  readonly kind = 'precision';

  constructor(options: ClassFigureOptions) {
    super('precision', options);
  }
}
