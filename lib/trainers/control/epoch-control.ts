/** What a run decides by itself at an epoch's end. */
import type { NativeRunRequests } from '../../native/index.ts';
import { EarlyStopping, type EarlyStoppingState } from './early-stopping.ts';
import { Monitor, type Watched } from './monitor.ts';
import { type PlateauState, ReduceOnPlateau } from './plateau.ts';

/** The figure by which a checkpoint is the best, and which one it is. */
export interface BestFigure {
  readonly figure: number;
  readonly metric: string;
  readonly mode: 'min' | 'max';
}

/** What a checkpoint holds of it. */
export interface ControlState {
  readonly earlyStopping?: EarlyStoppingState | undefined;
  readonly plateau?: PlateauState | undefined;
  /** Of the best checkpoint. */
  readonly best?: BestFigure | undefined;
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
  readonly keepBest: Monitor | undefined;
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
      readonly keepBest:
        | { readonly metric: string | undefined; readonly mode: 'min' | 'max' | undefined }
        | undefined;
    },
    watched: Watched,
  ) {
    this.#earlyStopping = earlyStopping === undefined ? undefined : new EarlyStopping(earlyStopping, watched);
    this.#plateau = reduceOnPlateau === undefined ? undefined : new ReduceOnPlateau(reduceOnPlateau, watched);
    if (keepBest !== undefined) {
      const { metric, mode } = keepBest;
      this.keepBest = new Monitor(
        'fit: checkpoint: keepBest',
        { option: 'metric', monitor: metric, mode },
        watched,
      );
    }
  }

  /** If not, nobody has to wait for it. */
  get isActive(): boolean {
    return [this.#earlyStopping, this.#plateau, this.keepBest].some((part) => part !== undefined);
  }

  get restoresBest(): boolean {
    return this.#earlyStopping?.options.restoreBest === true;
  }

  /** Whether the run is over by its own decision. */
  get isOver(): boolean {
    return this.#earlyStopping?.isOver === true;
  }

  /** For a checkpoint, which is the best by `figure`; or else knows of the one that is on disk. */
  state(figure = this.#bestWritten): ControlState {
    return {
      earlyStopping: this.#earlyStopping?.state,
      plateau: this.#plateau?.state,
      best:
        this.keepBest === undefined || figure === undefined
          ? undefined
          : { figure, metric: this.keepBest.name, mode: this.keepBest.mode },
    };
  }

  restore({ earlyStopping, plateau, best }: ControlState): void {
    if (best !== undefined) this.holdAgainst(best.figure);
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

  /** A checkpoint of this figure is there from before. */
  holdAgainst(figure: number): void {
    if (this.keepBest?.isBetter(figure, this.#best) !== true) return;
    this.#best = figure;
    this.#bestWritten = figure;
  }

  /** Whether the best checkpoint of this figure is on disk: if not, worse ones are better than none. */
  settleBest(figure: number, isWritten: boolean): void {
    if (isWritten) this.#bestWritten = figure;
    else if (this.#best === figure) this.#best = this.#bestWritten;
  }

  #bestCheckpoint(record: object): number | undefined {
    const value = this.keepBest?.read(record);
    if (value === undefined || this.keepBest?.isBetter(value, this.#best) !== true) return undefined;
    this.#best = value;
    return value;
  }
}
