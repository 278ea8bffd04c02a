import { type ModelFile, writeModelFile } from '../models/model-file.ts';
import type { NativeSnapshotEvent } from '../native-run.ts';
import { checkpointPath, keepAsBest, prune } from './checkpoint-folder.ts';
import type { CheckpointInfo, CheckpointSettings } from './checkpoint-options.ts';

/** What a keeper needs of its run. */
export interface KeeperPlan {
  readonly settings: CheckpointSettings;
  /** The file of a snapshot, with the state of what JavaScript keeps as it is now. */
  readonly describe: (snapshot: NativeSnapshotEvent, epochs: readonly object[]) => ModelFile;
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
  #nextIsBest = false;

  constructor(plan: KeeperPlan) {
    this.#plan = plan;
  }

  /** The next snapshot is of the best epoch so far. */
  expectBest(): void {
    this.#nextIsBest = true;
  }

  take(snapshot: NativeSnapshotEvent, epochs: readonly object[]): void {
    const isBest = this.#nextIsBest;
    this.#nextIsBest = false;
    this.#pending++;
    let file: ModelFile | undefined;
    try {
      file = this.#plan.describe(snapshot, epochs);
    } catch (error) {
      this.#plan.fail(error);
    }
    this.#queue = this.#queue.then(async () => {
      if (file !== undefined) await this.#keep(file, snapshot, isBest);
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
    isBest: boolean,
  ): Promise<void> {
    const { folder, keepLast, onError } = this.#plan.settings;
    const path = checkpointPath(folder, steps);
    try {
      await writeModelFile(path, file);
      if (isBest) await keepAsBest(folder, path);
      await prune(folder, steps, keepLast, this.#since);
    } catch (error) {
      if (onError === 'stop') this.#plan.fail(error);
      else process.emitWarning(`the checkpoint ${path} could not be written: ${(error as Error).message}`);
      return;
    }
    try {
      await this.#plan.onCheckpoint?.({ path, steps, epoch, isBest, isLast: last });
    } catch (error) {
      this.#plan.fail(error);
    }
  }
}
