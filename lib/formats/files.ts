/**
 * Whole files in and out. What the file system itself refuses (no permission, disk full) is thrown as Node throws it.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, constants, existsSync, mkdirSync, openSync, rmSync, type Stats, statSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';

/** Throws `INVALID_OPTION` for what no file can be called. */
export function checkPath(path: unknown): asserts path is string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `a path must be a string that is not empty, without NUL, got ${formatValue(path)}`,
  );
}

/** To open a pipe without waiting for its other end, which would hold one of the few threads of the file system for ever. */
export const AT_ONCE = constants.O_NONBLOCK ?? 0;

/**
 * A file to be read. Throws `FILE_NOT_FOUND` when there is none, and `INVALID_OPTION` for no path, a folder, and what may never end:
 * pipes, devices and sockets.
 */
export async function openFile(path: string): Promise<FileHandle> {
  checkPath(path);
  const handle = await open(path, constants.O_RDONLY | AT_ONCE).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) throw fileNotFound(path, error);
    if (isSystemError(error, 'EISDIR')) throw folderError(path);
    if (isSystemError(error, 'ENXIO')) throw notFile(path, 'a socket or a device', error);
    throw error;
  });
  try {
    checkFile(path, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Throws `INVALID_OPTION` for what is no file. */
export function checkFile(path: string, status: Stats): void {
  if (status.isFile()) return;
  if (status.isDirectory()) throw folderError(path);
  throw notFile(path, status.isFIFO() ? 'a pipe' : status.isSocket() ? 'a socket' : 'a device');
}

/** Throws what `openFile` throws, and `FILE_FORMAT` beyond Node's 2 GiB. */
export async function readWholeFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await openFile(path);
  try {
    return await handle.readFile();
  } catch (error) {
    if (isSystemError(error, 'ERR_FS_FILE_TOO_LARGE')) {
      throw new GradloomError(
        'FILE_FORMAT',
        `${path}: has more than the 2 GiB that can be read at once; split it into several files`,
        { cause: error },
      );
    }
    throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file such that `path` holds either what it held before or all of `bytes`, whatever happens meanwhile: a
 * temporary file in the same folder is written, flushed and renamed, and the folder is flushed. On an error the
 * temporary file is removed. A file that is replaced passes on its permissions; a symbolic link is replaced itself.
 *
 * Throws `FILE_NOT_FOUND` when the folder does not exist, and `INVALID_OPTION` when `path` is a folder, a pipe, a device or a socket.
 */
export function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  return replaceFile(path, (handle) => handle.writeFile(bytes));
}

/** As `writeFileAtomic`, for who writes the bytes piece by piece. */
export async function replaceFile(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  checkPath(path);
  const folder = dirname(path);
  const permissions = await permissionsOf(path);
  const temporary = temporaryIn(folder);
  const handle = await createFile(temporary, path);
  try {
    try {
      await write(handle);
      if (permissions !== undefined) await handle.chmod(permissions);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw namingFile(error, path);
  }
  await flushFolder(folder);
}

/**
 * Throws what would keep `writeFileAtomic` from `path`, before the work whose result is to go there: a file is made in its folder and
 * removed.
 */
export function checkWritable(path: string): void {
  checkPath(path);
  const temporary = temporaryIn(dirname(path));
  try {
    closeSync(openSync(temporary, 'wx'));
  } catch (error) {
    throw creationError(error, temporary, path);
  }
  rmSync(temporary, { force: true });
  const status = statSync(path, { throwIfNoEntry: false });
  if (status !== undefined) checkFile(path, status);
}

/**
 * A folder and those above it, unless they are there. Node's own recursion never returns below `/proc` and on other file
 * systems that answer ENOENT although the folder above is there.
 */
export function makeFolders(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const above = dirname(folder);
    if (isSystemError(error, 'ENOENT') && !existsSync(above)) {
      makeFolders(above);
      makeFolders(folder);
    } else if (
      !isSystemError(error, 'EEXIST') ||
      statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true
    ) {
      throw error;
    }
  }
}

async function permissionsOf(path: string): Promise<number | undefined> {
  try {
    const status = await stat(path);
    checkFile(path, status);
    return status.mode & 0o777;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function createFile(temporary: string, path: string): Promise<FileHandle> {
  try {
    return await open(temporary, 'wx');
  } catch (error) {
    throw creationError(error, temporary, path);
  }
}

/** Of a temporary file that nobody asked for: the error names `path`, which is to become of it. */
function creationError(error: unknown, temporary: string, path: string): unknown {
  const folder = dirname(path);
  const isMissing =
    isSystemError(error, 'ENOTDIR') || (isSystemError(error, 'ENOENT') && !existsSync(folder));
  if (!isMissing) {
    return Object.assign(error as Error, {
      message: (error as Error).message.replace(temporary, path),
      path,
    });
  }
  const text = `${path}: the folder ${folder} does not exist; create it first`;
  return new GradloomError('FILE_NOT_FOUND', text, { cause: error });
}

const TEMPORARY = /^\.gradloom-.*\.tmp$/;

/** A new name for a file that becomes another one by its renaming. */
export function temporaryIn(folder: string): string {
  return join(folder, `.gradloom-${randomUUID()}.tmp`);
}

/** Whether a file of this name was left behind by a process that ended while it wrote. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/** Without this a rename may be lost when the machine stops. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function fileNotFound(path: string, cause: unknown): GradloomError {
  return new GradloomError('FILE_NOT_FOUND', `${path}: there is no such file; check the path`, { cause });
}

export function folderError(path: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `${path}: this is a folder; give the path of a file`);
}

function notFile(path: string, kind: string, cause?: unknown): GradloomError {
  return new GradloomError(
    'INVALID_OPTION',
    `${path}: this is ${kind}; give the path of a file, and write to one first what comes from elsewhere`,
    { cause },
  );
}

/** What a disk says, not a source that is read meanwhile. A full quota has no name of its own in Node. */
const DISK_ERRORS = ['ENOSPC', 'EFBIG', 'EIO', 'EROFS', 'Unknown system error -122'];

/** What is refused by a handle does not say of which file: the error as it is, with the path as others have it. */
export function namingFile(error: unknown, path: string): unknown {
  if (!isSystemError(error, ...DISK_ERRORS) || 'path' in (error as Error)) return error;
  return Object.assign(error as Error, { message: `${(error as Error).message} '${path}'`, path });
}

export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
