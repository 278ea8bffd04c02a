/** Arrays that stay in their files, to be mapped. */
import { open } from 'node:fs/promises';
import { GradloomError } from '../core/errors.ts';
import { checkPath, fileNotFound, folderError, isSystemError } from './files.ts';

export interface ArrayInFile {
  readonly path: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** Where the values begin. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Swapped: of the byte order that this machine has not. */
  readonly type: 'uint8' | 'float32' | 'swappedFloat32';
}

/**
 * The first bytes of a file and the length of all, for whoever checks a header before the file is mapped.
 *
 * Throws `FILE_NOT_FOUND`, `INVALID_OPTION` for a folder, and `INVALID_DATA` for a file that is compressed by gzip.
 */
export async function readHead(
  path: string,
  most: number,
): Promise<{ readonly head: Uint8Array<ArrayBuffer>; readonly bytes: number }> {
  checkPath(path);
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw isSystemError(error, 'ENOENT', 'ENOTDIR') ? fileNotFound(path, error) : error;
  });
  try {
    const status = await handle.stat();
    if (status.isDirectory()) throw folderError(path);
    const { buffer, bytesRead } = await handle.read(new Uint8Array(most), 0, most, 0);
    const head = buffer.subarray(0, bytesRead);
    if (head[0] !== 0x1f || head[1] !== 0x8b) return { head, bytes: status.size };
    throw cannotMap(path, 'is compressed by gzip', 'unpack it (gunzip -k)');
  } finally {
    await handle.close();
  }
}

export function cannotMap(path: string, fault: string, remedy: string): GradloomError {
  return new GradloomError(
    'INVALID_DATA',
    `${path}: ${fault}, and cannot be mapped; ${remedy}, or read it with memory: 'copy'`,
  );
}
