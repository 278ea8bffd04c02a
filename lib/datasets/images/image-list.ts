import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import { formatValue, suggest } from '../../core/options.ts';
import { checkPath, isSystemError } from '../../formats/files.ts';

export interface ImageFile {
  readonly path: string;
  readonly label: number;
}

/** Deeper is a link that leads back to a folder above it. */
const MAX_DEPTH = 32;

/** The classes of a folder and the files of each, in order. */
export async function listImages(
  path: string,
  chosen: readonly string[] | undefined,
): Promise<{ readonly names: readonly string[]; readonly files: readonly ImageFile[] }> {
  const found = (await listFolder(path)).filter(({ kind }) => kind === 'folder').map(({ name }) => name);
  if (found.length === 0) {
    throw new GradloomError(
      'INVALID_DATA',
      `${path}: has no folder of a class; expected pictures as in ${join(path, 'cat', '1.jpg')}`,
    );
  }
  for (const name of chosen ?? []) {
    if (found.includes(name)) continue;
    throw new GradloomError(
      'INVALID_OPTION',
      `imageFolder: classNames names ${formatValue(name)}, but ${path} has no such folder; ${suggest(name, found)}`,
    );
  }
  const names = chosen ?? found;
  const files: ImageFile[] = [];
  for (const [label, name] of names.entries()) {
    const paths = await listFiles(join(path, name));
    if (paths.length === 0) {
      throw new GradloomError(
        'INVALID_DATA',
        `${join(path, name)}: has no picture; a class has at least one`,
      );
    }
    for (const file of paths) files.push({ path: file, label });
  }
  return { names, files };
}

/** The files of a folder at any depth, in order; hidden ones and those of hidden folders are left aside. */
export async function listFiles(folder: string, depth = 0): Promise<string[]> {
  if (depth > MAX_DEPTH) {
    throw new GradloomError(
      'INVALID_DATA',
      `${folder}: lies more than ${MAX_DEPTH} folders deep; does a link lead back?`,
    );
  }
  const files: string[] = [];
  for (const { name, kind } of await listFolder(folder)) {
    const path = join(folder, name);
    if (kind === 'folder') for (const file of await listFiles(path, depth + 1)) files.push(file);
    else files.push(path);
  }
  return files;
}

interface Entry {
  readonly name: string;
  readonly kind: 'folder' | 'file';
}

/** What is in a folder and not hidden, by name; links are what they lead to. */
async function listFolder(path: string): Promise<Entry[]> {
  const entries = await readFolder(path);
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  visible.sort((a, b) => (a.name < b.name ? -1 : 1));
  return await Promise.all(
    visible.map(async (entry): Promise<Entry> => {
      const status = entry.isSymbolicLink() ? await stat(join(path, entry.name)).catch(() => entry) : entry;
      return { name: entry.name, kind: status.isDirectory() ? 'folder' : 'file' };
    }),
  );
}

async function readFolder(path: string): Promise<Dirent[]> {
  checkPath(path);
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) {
      throw new GradloomError('FILE_NOT_FOUND', `${path}: there is no such folder; check the path`, {
        cause: error,
      });
    }
    if (isSystemError(error, 'ENOTDIR')) {
      throw new GradloomError('INVALID_OPTION', `${path}: this is a file; give the path of a folder`);
    }
    throw error;
  }
}
