import { readdir } from 'node:fs/promises';
import { listCheckpoints } from '../../lib/index.ts';
import { readModelFile } from '../../lib/models/model-file.ts';

/** What is wrong with the checkpoints of a folder: each has to be whole, and there have to be some. */
export async function faultsOf(folder: string): Promise<string[]> {
  const files = await listCheckpoints(folder);
  const faults = files.length === 0 ? ['there is no checkpoint'] : [];
  for (const { path } of files) {
    await readModelFile(path).catch((error: Error) => faults.push(error.message));
  }
  return faults;
}

export async function temporariesOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.tmp'));
}
