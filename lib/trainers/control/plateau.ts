import { integer, nonNegative, numberThat, readOptions, withDefault } from '../../core/options.ts';
import { MONITOR_OPTIONS, Monitor, type MonitorOptions, type Watched } from './monitor.ts';

export interface ReduceOnPlateauOptions extends MonitorOptions {
  /** What the learning rate is multiplied by, between 0 and 1. Default: 0.1. */
  readonly factor?: number | undefined;
  /** Epochs without a better figure after which it is. Default: 5. */
  readonly patience?: number | undefined;
  /** What counts as better is better by more than this. Default: 1e-4. */
  readonly minDelta?: number | undefined;
  /** Epochs after a reduction that do not count. Default: 0. */
  readonly cooldown?: number | undefined;
  /** The learning rate falls to no less than this part of what it began with. Default: 0. */
  readonly minScale?: number | undefined;
}

const OPTIONS = {
  ...MONITOR_OPTIONS,
  factor: withDefault(
    numberThat('a number between 0 and 1', (value) => value > 0 && value < 1),
    0.1,
  ),
  patience: withDefault(integer(1), 5),
  minDelta: withDefault(nonNegative, 1e-4),
  cooldown: withDefault(integer(0), 0),
  minScale: withDefault(
    numberThat('a number from 0 to 1', (value) => value >= 0 && value <= 1),
    0,
  ),
};

export interface PlateauState {
  readonly best: number | undefined;
  /** Epochs since then, or since the end of the last cooldown. */
  readonly waited: number;
  /** Epochs of the cooldown that are left. */
  readonly cooling: number;
}

/** Lowers the learning rate when a figure does not get better any more. */
export class ReduceOnPlateau {
  readonly options: ReturnType<typeof readOptions<typeof OPTIONS>>;
  readonly #monitor: Monitor;
  #state: PlateauState = { best: undefined, waited: 0, cooling: 0 };

  constructor(given: unknown, watched: Watched) {
    const operation = 'fit: reduceOnPlateau';
    this.options = readOptions(operation, given as object, OPTIONS);
    this.#monitor = new Monitor(operation, this.options, watched);
  }

  get state(): PlateauState {
    return this.#state;
  }

  set state(state: PlateauState) {
    this.#state = state;
  }

  /** Takes an epoch into account: the learning rate's new factor in place of `scale`, if there is one. */
  judge(record: object, scale: number): number | undefined {
    const { factor, patience, minDelta, cooldown, minScale } = this.options;
    const value = this.#monitor.read(record);
    let { best, waited, cooling } = this.#state;
    if (this.#monitor.isBetter(value, best, minDelta)) {
      best = value;
      waited = 0;
    } else if (cooling === 0) {
      waited++;
    }
    if (cooling > 0) cooling--;
    const isDue = waited >= patience;
    this.#state = isDue ? { best, waited: 0, cooling: cooldown } : { best, waited, cooling };
    const next = Math.max(scale * factor, minScale);
    return isDue && next < scale ? next : undefined;
  }
}
