/** What a run decides by itself at an epoch's end. */
import type { NativeRunRequests } from '../native.ts';
import { EarlyStopping, type EarlyStoppingState } from './early-stopping.ts';
import type { Watched } from './monitor.ts';
import { type PlateauState, ReduceOnPlateau } from './plateau.ts';

/** What a checkpoint holds of it. */
export interface ControlState {
  readonly earlyStopping?: EarlyStoppingState | undefined;
  readonly plateau?: PlateauState | undefined;
}

export interface Verdict {
  readonly requests: NativeRunRequests;
  readonly stops: boolean;
}

export class EpochControl {
  readonly #earlyStopping: EarlyStopping | undefined;
  readonly #plateau: ReduceOnPlateau | undefined;

  /** Throws `INVALID_OPTION`. */
  constructor(
    {
      earlyStopping,
      reduceOnPlateau,
    }: { readonly earlyStopping: unknown; readonly reduceOnPlateau: unknown },
    watched: Watched,
  ) {
    this.#earlyStopping = earlyStopping === undefined ? undefined : new EarlyStopping(earlyStopping, watched);
    this.#plateau = reduceOnPlateau === undefined ? undefined : new ReduceOnPlateau(reduceOnPlateau, watched);
  }

  /** If not, nobody has to wait for it. */
  get isActive(): boolean {
    return this.#earlyStopping !== undefined || this.#plateau !== undefined;
  }

  get restoresBest(): boolean {
    return this.#earlyStopping?.options.restoreBest === true;
  }

  /** Whether the run is over by its own decision. */
  get isOver(): boolean {
    return this.#earlyStopping?.isOver === true;
  }

  get state(): ControlState {
    return { earlyStopping: this.#earlyStopping?.state, plateau: this.#plateau?.state };
  }

  restore({ earlyStopping, plateau }: ControlState): void {
    if (this.#earlyStopping !== undefined && earlyStopping !== undefined)
      this.#earlyStopping.state = earlyStopping;
    if (this.#plateau !== undefined && plateau !== undefined) this.#plateau.state = plateau;
  }

  judge(record: object, rateScale: number): Verdict {
    const isBest = this.#earlyStopping?.judge(record) === true;
    const scale = this.#plateau?.judge(record, rateScale);
    return {
      requests: { keepWeights: isBest && this.restoresBest, rateScale: scale },
      stops: this.isOver,
    };
  }
}
