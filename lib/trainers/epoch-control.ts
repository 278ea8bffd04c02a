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
  /** The figure of an epoch whose checkpoint is the best so far. */
  readonly best: number | undefined;
}

export class EpochControl {
  readonly #earlyStopping: EarlyStopping | undefined;
  readonly #plateau: ReduceOnPlateau | undefined;
  readonly #keepBest: Monitor | undefined;
  #best: number | undefined;
  /** That of the best checkpoint on disk. */
  #bestWritten: number | undefined;

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
    this.#bestWritten = best;
    if (this.#earlyStopping !== undefined && earlyStopping !== undefined)
      this.#earlyStopping.state = earlyStopping;
    if (this.#plateau !== undefined && plateau !== undefined) this.#plateau.state = plateau;
  }

  judge(record: object, rateScale: number): Verdict {
    const isBest = this.#earlyStopping?.judge(record) === true;
    const scale = this.#plateau?.judge(record, rateScale);
    const best = this.#bestCheckpoint(record);
    return {
      requests: {
        keepWeights: isBest && this.restoresBest,
        rateScale: scale,
        snapshot: best !== undefined,
      },
      stops: this.isOver,
      best,
    };
  }

  /** The best checkpoint of this figure is on disk. Undefined: one could not be written, and worse ones are better than none. */
  settleBest(figure: number | undefined): void {
    if (figure === undefined) {
      this.#best = this.#bestWritten;
      return;
    }
    this.#bestWritten = figure;
    // One before it may have failed meanwhile.
    if (this.#keepBest?.isBetter(figure, this.#best) === true) this.#best = figure;
  }

  #bestCheckpoint(record: object): number | undefined {
    const value = this.#keepBest?.read(record);
    if (value === undefined || this.#keepBest?.isBetter(value, this.#best) !== true) return undefined;
    this.#best = value;
    return value;
  }
}
