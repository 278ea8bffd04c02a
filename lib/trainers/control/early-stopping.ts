import { boolean, integer, nonNegative, readOptions, withDefault } from '../../core/options.ts';
import { MONITOR_OPTIONS, Monitor, type MonitorOptions, type Watched } from './monitor.ts';

export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without a better figure after which the run ends; 0 ends it at the first. Default: 5. */
  readonly patience?: number | undefined;
  /** What counts as better is better by more than this. Default: 0. */
  readonly minDelta?: number | undefined;
  /** At the run's end, however it ends but by an error, the model gets the weights of its best epoch. Default: false. */
  readonly restoreBest?: boolean | undefined;
}

const OPTIONS = {
  ...MONITOR_OPTIONS,
  patience: withDefault(integer(0), 5),
  minDelta: withDefault(nonNegative, 0),
  restoreBest: withDefault(boolean, false),
};

export interface EarlyStoppingState {
  readonly best: number | undefined;
  /** Epochs since then. */
  readonly waited: number;
}

/** Ends a run whose figure does not get better any more. */
export class EarlyStopping {
  readonly options: ReturnType<typeof readOptions<typeof OPTIONS>>;
  readonly #monitor: Monitor;
  #state: EarlyStoppingState = { best: undefined, waited: 0 };

  constructor(given: unknown, watched: Watched) {
    const operation = 'fit: earlyStopping';
    this.options = readOptions(operation, given as object, OPTIONS);
    this.#monitor = new Monitor(operation, this.options, watched);
  }

  get state(): EarlyStoppingState {
    return this.#state;
  }

  set state(state: EarlyStoppingState) {
    this.#state = state;
  }

  /** Whether patience has run out. */
  get isOver(): boolean {
    return this.#state.waited > 0 && this.#state.waited >= this.options.patience;
  }

  /** Takes an epoch into account: whether it is the best so far. */
  judge(record: object): boolean {
    const value = this.#monitor.read(record);
    const isBetter = this.#monitor.isBetter(value, this.#state.best, this.options.minDelta);
    this.#state = isBetter ? { best: value, waited: 0 } : { ...this.#state, waited: this.#state.waited + 1 };
    return isBetter;
  }
}
