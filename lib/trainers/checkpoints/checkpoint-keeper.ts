import { type ModelFile, writeModelFile } from '../../models/files/model-file.ts';
import type { NativeSnapshotEvent } from '../../native/index.ts';
import { bestPath, checkpointPath, nameAlso, prune } from './checkpoint-folder.ts';
import type { CheckpointInfo, CheckpointSettings } from './checkpoint-options.ts';

/** What a keeper needs of its run. */
export interface KeeperPlan {
  readonly settings: CheckpointSettings;
  /** The file of a snapshot, with the state of what JavaScript keeps as it is now; `best`: the figure by which it is the best. */
  readonly describe: (
    snapshot: NativeSnapshotEvent,
    epochs: readonly object[],
    best: number | undefined,
  ) => ModelFile;
  /** Whether the best one, of this figure, is on disk. */
  readonly settleBest: (figure: number, isWritten: boolean) => void;
  readonly onCheckpoint: ((info: CheckpointInfo) => unknown) | undefined;
  /** Ends the run. */
  readonly fail: (error: unknown) => void;
  /** Lets the training thread take the next snapshot. */
  readonly done: () => void;
}

/** Writes the snapshots of a run, one after another, while it goes on. */
export class CheckpointKeeper {
  readonly #plan: KeeperPlan;
  /** What was there before is nobody's any more. */
  readonly #since = Date.now();
  #queue: Promise<void> = Promise.resolve();
  #pending = 0;
  /** The figure of the next snapshot, if that is of the best epoch so far. */
  #nextBest: number | undefined;

  constructor(plan: KeeperPlan) {
    this.#plan = plan;
  }

  /** The next snapshot is of the best epoch so far, by this figure. */
  expectBest(figure: number): void {
    this.#nextBest = figure;
  }

  take(snapshot: NativeSnapshotEvent, epochs: readonly object[]): void {
    const best = this.#nextBest;
    this.#nextBest = undefined;
    this.#pending++;
    let file: ModelFile | undefined;
    try {
      file = this.#plan.describe(snapshot, epochs, best);
    } catch (error) {
      this.#plan.fail(error);
    }
    this.#queue = this.#queue.then(async () => {
      if (file !== undefined) await this.#keep(file, snapshot, best);
      this.#pending--;
      this.#plan.done();
    });
  }

  /** Resolves when no more than one snapshot waits to be written, so that a slow disk does not fill memory. */
  async caughtUp(): Promise<void> {
    if (this.#pending > 1) await this.#queue;
  }

  /** Resolves when all that was taken is written, or has failed. */
  async end(): Promise<void> {
    await this.#queue;
  }

  async #keep(
    file: ModelFile,
    { state: { steps }, epoch, last }: NativeSnapshotEvent,
    best: number | undefined,
  ): Promise<void> {
    const { folder, keepLast, onError } = this.#plan.settings;
    const path = checkpointPath(folder, steps);
    try {
      await (best === undefined ? writeModelFile(path, file) : this.#writeBest(path, file, best));
      await prune(folder, steps, keepLast, this.#since);
    } catch (error) {
      if (onError === 'stop') this.#plan.fail(error);
      else process.emitWarning(`the checkpoint ${path} could not be written: ${(error as Error).message}`);
      return;
    }
    try {
      await this.#plan.onCheckpoint?.({ path, steps, epoch, isBest: best !== undefined, isLast: last });
    } catch (error) {
      this.#plan.fail(error);
    }
  }

  /** As the best one first: a run that goes on from the latest finds the best that it knows of. */
  async #writeBest(path: string, file: ModelFile, figure: number): Promise<void> {
    const { settings, settleBest } = this.#plan;
    const best = bestPath(settings.folder);
    try {
      await writeModelFile(best, file);
      settleBest(figure, true);
    } catch (error) {
      settleBest(figure, false);
      throw error;
    }
    await nameAlso(best, path);
  }
}
