import { oneOf, readOptions, withDefault } from '../core/options.ts';
import type { Loss } from '../losses/loss.ts';
import type { Spec } from '../native/index.ts';
import { answersYesOrNo, misfit, tellsClasses } from './fitting.ts';
import { type Figure, Metric } from './metric.ts';

/** Options of `rocAuc` and `prAuc`. */
export interface RankingOptions<Average extends 'macro' | 'none' = 'macro' | 'none'> {
  /** `'macro'`: the mean over classes or outputs; `'none'`: a list of them. Default: `'macro'`. */
  readonly average?: Average;
}

const OPTIONS = { average: withDefault(oneOf('macro', 'none'), 'macro') };

/** What `rocAuc` and `prAuc` share. */
export abstract class Ranking<Kind extends string, Value extends Figure> extends Metric<Kind, Value> {
  override readonly form: 'number' | 'list';
  readonly #average: 'macro' | 'none';

  constructor(kind: Kind, given: RankingOptions) {
    super();
    this.#average = readOptions(kind, given, OPTIONS).average;
    this.form = this.#average === 'none' ? 'list' : 'number';
  }

  checkLoss(loss: Loss): string | undefined {
    if (tellsClasses(loss) || answersYesOrNo(loss)) return undefined;
    return misfit(this.kind, 'ranks samples of classes', loss);
  }

  override toSpec(): Spec {
    return { kind: this.kind, average: this.#average };
  }
}
