import { type ClassAverage, ClassFigure, type ClassFigureOptions } from './class-figure.ts';
import type { Figure, Metric } from './metric.ts';

/**
 * Of the samples of a class, the share that the model takes for it.
 *
 * The counts of classes behind it take no memory to speak of. Throws `INVALID_OPTION` for options out of their
 * range, and for `average` beside `positiveClass`.
 */
export function recall(
  options: ClassFigureOptions<'none'> & { readonly average: 'none' },
): Metric<'recall', number[]>;
export function recall(options?: ClassFigureOptions<Exclude<ClassAverage, 'none'>>): Metric<'recall', number>;
export function recall(options: ClassFigureOptions = {}): Metric<'recall'> {
  return new Recall(options);
}

class Recall extends ClassFigure<'recall', Figure> {
  readonly kind = 'recall';

  constructor(options: ClassFigureOptions) {
    super('recall', options);
  }
}
