/**
 * The folder of a run's checkpoints: `step-<steps>.safetensors` for the latest, `best.safetensors` for the best. Each is
 * whole as soon as it has its name, and an older one goes only when a newer one is there.
 */
import { readdirSync } from 'node:fs';
import { copyFile, link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import {
  checkPath,
  checkWritable,
  flushFolder,
  isSystemError,
  isTemporary,
  makeFolders,
  temporaryIn,
} from '../../formats/files.ts';

const DIGITS = 12;
const NAME = /^step-([0-9]{12,})\.safetensors$/;
export interface CheckpointFile {
  readonly path: string;
  /** Optimizer steps of the trainer when it was taken. */
  readonly steps: number;
}

export function checkpointPath(folder: string, steps: number): string {
  return join(folder, `step-${String(steps).padStart(DIGITS, '0')}.safetensors`);
}

export function bestPath(folder: string): string {
  return join(folder, 'best.safetensors');
}

/**
 * The checkpoints of a folder, the latest first; none for a folder that does not exist. `Trainer.resume` begins with
 * the first that is whole.
 */
export async function listCheckpoints(folder: string): Promise<readonly CheckpointFile[]> {
  checkPath(folder);
  try {
    return select(folder, await readdir(folder));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    if (!isSystemError(error, 'ENOTDIR')) throw error;
    throw new GradloomError('INVALID_OPTION', `${folder}: this is a file; give the folder of a run`, {
      cause: error,
    });
  }
}

function select(folder: string, names: readonly string[]): readonly CheckpointFile[] {
  return names
    .flatMap((name) => {
      const steps = NAME.exec(name)?.[1];
      return steps === undefined ? [] : [{ path: join(folder, name), steps: Number(steps) }];
    })
    .sort((a, b) => b.steps - a.steps);
}

export function makeFolder(folder: string): void {
  checkPath(folder);
  try {
    makeFolders(folder);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST', 'ENOTDIR', 'ENOENT')) throw error;
    const what = isSystemError(error, 'ENOENT') ? 'no folder can be made here' : 'this is no folder';
    throw new GradloomError('INVALID_OPTION', `${folder}: ${what}; give the path of one`, { cause: error });
  }
}

/** Refuses a folder with checkpoints of another run, later than `steps`, and one that takes no files. */
export function checkFolder(operation: string, folder: string, steps: number): void {
  const [latest] = select(folder, readdirSync(folder));
  if (latest !== undefined && latest.steps > steps) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: checkpoint: ${folder} holds checkpoints of another run, up to step ${latest.steps}, and this trainer is at step ${steps}; go on with that run by Trainer.resume, or give an empty folder`,
    );
  }
  // The first checkpoint may be hours away.
  checkWritable(checkpointPath(folder, 0));
}

/** Gives a checkpoint a second name in its folder. */
export async function nameAlso(path: string, name: string): Promise<void> {
  const folder = dirname(path);
  const temporary = temporaryIn(folder);
  try {
    await link(path, temporary).catch(() => copyDurably(path, temporary));
    await rename(temporary, name);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
  await flushFolder(folder);
}

/** For file systems without links. */
async function copyDurably(path: string, copy: string): Promise<void> {
  await copyFile(path, copy);
  const handle = await open(copy, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Leaves the `keepLast` latest up to the one of `steps`, which was just written. Later ones, which can only be damaged,
 * are neither counted nor touched. Files that a process left behind when it ended in the midst of writing, before
 * `since`, go too.
 */
export async function prune(folder: string, steps: number, keepLast: number, since: number): Promise<void> {
  const names = await readdir(folder);
  const kept = select(folder, names).filter((file) => file.steps <= steps);
  for (const { path } of kept.slice(keepLast)) await rm(path, { force: true });
  for (const name of names.filter(isTemporary)) {
    const path = join(folder, name);
    const status = await stat(path).catch(() => undefined);
    if (status !== undefined && status.mtimeMs < since) await rm(path, { force: true });
  }
}
