import { readdir } from 'node:fs/promises';
import { listCheckpoints } from '../../lib/index.ts';
import { readModelFile } from '../../lib/models/files/model-file.ts';
import { bestPath } from '../../lib/trainers/checkpoints/checkpoint-folder.ts';
import type { RunState } from '../../lib/trainers/checkpoints/run-state.ts';

/** The figure of the best epoch that a checkpoint knows of. */
async function bestOf(path: string): Promise<number> {
  const { run } = await readModelFile(path);
  const state = run?.state as RunState | undefined;
  return state?.control.best?.figure ?? Number.POSITIVE_INFINITY;
}

/**
 * What is wrong with the checkpoints of a folder: each has to be whole, and there have to be some. None may know of a better
 * one, of a lower figure, than there is.
 */
export async function faultsOf(folder: string): Promise<string[]> {
  const files = await listCheckpoints(folder);
  const faults = files.length === 0 ? ['there is no checkpoint'] : [];
  const hasBest = (await readdir(folder)).map((name) => `${folder}/${name}`).includes(bestPath(folder));
  const best = hasBest ? await bestOf(bestPath(folder)) : Number.POSITIVE_INFINITY;
  for (const { path } of files) {
    try {
      const known = await bestOf(path);
      if (known < best) faults.push(`${path} knows of a best one of ${known}, and there is one of ${best}`);
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  return faults;
}

export async function temporariesOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.tmp'));
}
