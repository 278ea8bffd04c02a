/** What a run decides by itself at an epoch's end. */
import type { NativeRunRequests } from '../native-run.ts';
import type { CheckpointSettings } from './checkpoint-options.ts';
import { EarlyStopping, type EarlyStoppingState } from './early-stopping.ts';
import { Monitor, type Watched } from './monitor.ts';
import { type PlateauState, ReduceOnPlateau } from './plateau.ts';

/** What a checkpoint holds of it. */
export interface ControlState {
  readonly earlyStopping?: EarlyStoppingState | undefined;
  readonly plateau?: PlateauState | undefined;
  /** The figure of the best checkpoint. */
  readonly best?: number | undefined;
}

export interface Verdict {
  readonly requests: NativeRunRequests;
  readonly stops: boolean;
}

export class EpochControl {
  readonly #earlyStopping: EarlyStopping | undefined;
  readonly #plateau: ReduceOnPlateau | undefined;
  readonly #keepBest: Monitor | undefined;
  #best: number | undefined;

  /** Throws `INVALID_OPTION`. */
  constructor(
    {
      earlyStopping,
      reduceOnPlateau,
      keepBest,
    }: {
      readonly earlyStopping: unknown;
      readonly reduceOnPlateau: unknown;
      readonly keepBest: CheckpointSettings['keepBest'];
    },
    watched: Watched,
  ) {
    this.#earlyStopping = earlyStopping === undefined ? undefined : new EarlyStopping(earlyStopping, watched);
    this.#plateau = reduceOnPlateau === undefined ? undefined : new ReduceOnPlateau(reduceOnPlateau, watched);
    if (keepBest !== undefined) {
      const { metric, mode } = keepBest;
      this.#keepBest = new Monitor(
        'fit: checkpoint: keepBest',
        { option: 'metric', monitor: metric, mode },
        watched,
      );
    }
  }

  /** If not, nobody has to wait for it. */
  get isActive(): boolean {
    return [this.#earlyStopping, this.#plateau, this.#keepBest].some((part) => part !== undefined);
  }

  get restoresBest(): boolean {
    return this.#earlyStopping?.options.restoreBest === true;
  }

  /** Whether the run is over by its own decision. */
  get isOver(): boolean {
    return this.#earlyStopping?.isOver === true;
  }

  get state(): ControlState {
    return {
      earlyStopping: this.#earlyStopping?.state,
      plateau: this.#plateau?.state,
      best: this.#best,
    };
  }

  restore({ earlyStopping, plateau, best }: ControlState): void {
    this.#best = best;
    if (this.#earlyStopping !== undefined && earlyStopping !== undefined)
      this.#earlyStopping.state = earlyStopping;
    if (this.#plateau !== undefined && plateau !== undefined) this.#plateau.state = plateau;
  }

  judge(record: object, rateScale: number): Verdict {
    const isBest = this.#earlyStopping?.judge(record) === true;
    const scale = this.#plateau?.judge(record, rateScale);
    return {
      requests: {
        keepWeights: isBest && this.restoresBest,
        rateScale: scale,
        snapshot: this.#isBestCheckpoint(record),
      },
      stops: this.isOver,
    };
  }

  #isBestCheckpoint(record: object): boolean {
    const value = this.#keepBest?.read(record);
    if (value === undefined || this.#keepBest?.isBetter(value, this.#best) !== true) return false;
    this.#best = value;
    return true;
  }
}
