import type { Figure, Metric } from './metric.ts';
import { Ranking, type RankingOptions } from './ranking.ts';

/**
 * The area under the curve of precision and recall, as average precision: samples of equal rank stand at one
 * threshold. As scikit-learn's `average_precision_score`.
 *
 * Yes-or-no outputs are ranked as they are, each output a question of its own. Of several classes each is ranked by
 * its probability against the rest; of two only class 1. NaN where a class has no sample (scikit-learn
 * gives 0), and then for their mean too.
 *
 * Exact, from all samples: their outputs and labels are kept, 4 bytes for each, allocated before an epoch's first
 * step, and 16 bytes a sample while the figure is computed, at the epoch's end. A live line of progress leaves it out.
 */
export function prAuc(
  options: RankingOptions<'none'> & { readonly average: 'none' },
): Metric<'prAuc', number[]>;
export function prAuc(options?: RankingOptions<'macro'>): Metric<'prAuc', number>;
export function prAuc(options: RankingOptions = {}): Metric<'prAuc'> {
  return new PrAuc(options);
}

class PrAuc extends Ranking<'prAuc', Figure> {
  readonly kind = 'prAuc';

  constructor(options: RankingOptions) {
    super('prAuc', options);
  }
}
