/** A run has its folder of checkpoints to itself: of two, each would remove what the other wrote, or go on from it. */
import { callNative, GradloomError } from '../../core/errors.ts';
import { checkPath } from '../../formats/files.ts';
import { type NativeFolderLock, native } from '../../native/index.ts';

/** A folder, from when it is taken until the run is over. The system lets go of it when the process ends, however it ends. */
export class FolderHold {
  readonly #operation: string;
  #lock: NativeFolderLock | undefined;

  constructor(operation: string) {
    this.#operation = operation;
  }

  /** Throws `FOLDER_BUSY`. Does nothing when it is taken already. */
  take(folder: string): void {
    if (this.#lock !== undefined) return;
    checkPath(folder);
    const lock = callNative(() => new native.FolderLock(folder));
    if (lock.isBusy) {
      lock.release();
      throw new GradloomError(
        'FOLDER_BUSY',
        `${this.#operation}: checkpoint: another run, of this process or another one, writes to ${folder}; wait for its end, or give another folder`,
      );
    }
    this.#lock = lock;
  }

  release(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }
}
