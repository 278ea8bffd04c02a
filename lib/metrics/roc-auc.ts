import type { Figure, Metric } from './metric.ts';
import { Ranking, type RankingOptions } from './ranking.ts';

/**
 * The area under the receiver operating characteristic: the probability that a sample of a class is ranked above one
 * that is not, a tie counting one half. As scikit-learn's `roc_auc_score` (`multi_class="ovr"`).
 *
 * Yes-or-no outputs are ranked as they are, each output a question of its own. Of several classes each is ranked by
 * its probability against the rest; of two only class 1. NaN where a class has no sample or no contrary (scikit-learn
 * refuses that), and then for their mean too.
 *
 * Exact, from all samples: their outputs and labels are kept, 4 bytes for each, allocated before an epoch's first
 * step, and 16 bytes a sample while the figure is computed, at the epoch's end. A live line of progress leaves it out.
 */
export function rocAuc(
  options: RankingOptions<'none'> & { readonly average: 'none' },
): Metric<'rocAuc', number[]>;
export function rocAuc(options?: RankingOptions<'macro'>): Metric<'rocAuc', number>;
export function rocAuc(options: RankingOptions = {}): Metric<'rocAuc'> {
  return new RocAuc(options);
}

class RocAuc extends Ranking<'rocAuc', Figure> {
  readonly kind = 'rocAuc';

  constructor(options: RankingOptions) {
    super('rocAuc', options);
  }
}
