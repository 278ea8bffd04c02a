import { type ClassAverage, ClassFigure, type ClassFigureOptions } from './class-figure.ts';
import type { Figure, Metric } from './metric.ts';

/**
 * The harmonic mean of precision and recall.
 *
 * The counts of classes behind it take no memory to speak of. Throws `INVALID_OPTION` for options out of their
 * range, and for `average` beside `positiveClass`.
 */
export function f1(
  options: ClassFigureOptions<'none'> & { readonly average: 'none' },
): Metric<'f1', number[]>;
export function f1(options?: ClassFigureOptions<Exclude<ClassAverage, 'none'>>): Metric<'f1', number>;
export function f1(options: ClassFigureOptions = {}): Metric<'f1'> {
  return new F1(options);
}

class F1 extends ClassFigure<'f1', Figure> {
  readonly kind = 'f1';

  constructor(options: ClassFigureOptions) {
    super('f1', options);
  }
}
