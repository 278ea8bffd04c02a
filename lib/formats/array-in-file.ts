/** Arrays that stay in their files, to be mapped. */
import { GradloomError } from '../core/errors.ts';
import { openFile } from './files.ts';

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
 * Throws what `openFile` throws, and `INVALID_DATA` for a file that is compressed by gzip.
 */
export async function readHead(
  path: string,
  most: number,
): Promise<{ readonly head: Uint8Array<ArrayBuffer>; readonly bytes: number }> {
  const handle = await openFile(path);
  try {
    const status = await handle.stat();
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
