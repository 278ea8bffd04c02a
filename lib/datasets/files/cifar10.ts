/** CIFAR-10 from a copy on this machine; nothing is downloaded. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import { optional, readOptions, text } from '../../core/options.ts';
import { sizeOf } from '../../core/shape.ts';
import {
  CIFAR_CHANNELS,
  CIFAR_SIDE,
  CIFAR10_CLASSES,
  type Cifar10InFile,
  type Cifar10Records,
  findCifar10,
  readCifar10,
} from '../../formats/cifar.ts';
import { checkPath, isSystemError, readWholeFile } from '../../formats/files.ts';
import type { NativeMappedRows } from '../../native/index.ts';
import { buildDataset } from '../arrays/from-arrays.ts';
import type { Dataset } from '../dataset.ts';
import { type Memory, mapFiles, memoryOption } from '../parts/mapped-inputs.ts';
import type { FolderOptions } from './mnist.ts';

const IMAGE_SHAPE = [CIFAR_SIDE, CIFAR_SIDE, CIFAR_CHANNELS];

type Images = Dataset<[32, 32, 3], 'class'>;

export interface Cifar10Options extends FolderOptions {
  /**
   * `'map'`: the pictures stay in their files, which are read where a batch needs them; labels are read.
   * Default: `'copy'`.
   */
  readonly memory?: Memory;
}

const OPTIONS = { folder: optional(text), memory: memoryOption };

const REMEDY =
  'get cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html, unpack it, and name its folder ' +
  'cifar-10-batches-bin by { folder } or CIFAR10_DIR';

/**
 * CIFAR-10: 50,000 and 10,000 colour pictures `[32, 32, 3]` of 10 kinds of things, from the files of the binary
 * version: `data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin` and `batches.meta.txt`. The pixels stay uint8;
 * a model sees them divided by 255. Read from `folder`, else from the folder that the environment variable
 * `CIFAR10_DIR` names.
 *
 * A folder with fewer batches gives fewer samples; their numbers run from 1 without a gap.
 *
 * Throws `NOT_INSTALLED` when files are not there, with the way to get them, and `FILE_FORMAT` when they are damaged.
 *
 * Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
 */
export async function cifar10(
  options: Cifar10Options = {},
): Promise<{ readonly train: Images; readonly test: Images }> {
  const { folder = process.env.CIFAR10_DIR, memory } = readOptions('cifar10', options, OPTIONS);
  if (folder === undefined) throw missing(`no folder is named; ${REMEDY}`);
  const files = listFolder(folder);
  const batches = findBatches(folder, files);
  for (const name of ['test_batch.bin', 'batches.meta.txt']) {
    if (!files.includes(name)) throw missing(`${folder} has no ${name}; ${REMEDY}`);
  }
  const classNames = await readNames(join(folder, 'batches.meta.txt'));
  const paths = (names: readonly string[]) => names.map((name) => join(folder, name));
  const read = memory === 'map' ? mapImages : readImages;
  const [train, test] = await Promise.all([read(paths(batches)), read(paths(['test_batch.bin']))]);
  return { train: toDataset(train, classNames), test: toDataset(test, classNames) };
}

function listFolder(folder: string): readonly string[] {
  checkPath(folder);
  try {
    return readdirSync(folder);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw missing(`there is no folder ${folder}; ${REMEDY}`, error);
  }
}

function findBatches(folder: string, files: readonly string[]): readonly string[] {
  const numbers = files
    .map((name) => Number(/^data_batch_([1-9][0-9]*)\.bin$/.exec(name)?.[1]))
    .filter((number) => !Number.isNaN(number))
    .sort((a, b) => a - b);
  const gap = numbers.findIndex((number, place) => number !== place + 1);
  if (numbers.length === 0 || gap >= 0) {
    throw missing(`${folder} has no data_batch_${Math.max(gap, 0) + 1}.bin; ${REMEDY}`);
  }
  return numbers.map((number) => `data_batch_${number}.bin`);
}

/** One name a line; blank lines at the end, as the official file has one, are no names. */
async function readNames(path: string): Promise<readonly string[]> {
  const lines = new TextDecoder()
    .decode(await readWholeFile(path))
    .trimEnd()
    .split(/\r?\n/);
  if (lines.length !== CIFAR10_CLASSES) {
    throw new GradloomError(
      'FILE_FORMAT',
      `${path}: has ${lines.length} lines; expected 10 names of classes`,
    );
  }
  const fault = lines.findIndex((name, place) => name === '' || lines.indexOf(name) !== place);
  if (fault >= 0) {
    throw new GradloomError(
      'FILE_FORMAT',
      `${path}: line ${fault + 1}: expected the name of a class that no other class has, got "${lines[fault]}"`,
    );
  }
  return lines;
}

interface ImagesAndLabels {
  readonly inputs: Uint8Array | NativeMappedRows;
  readonly labels: Uint8Array;
}

async function readImages(paths: readonly string[]): Promise<ImagesAndLabels> {
  const files = await Promise.all(paths.map(readCifar10));
  return { inputs: joinBytes(files.map(({ images }) => images)), labels: joinLabels(files) };
}

async function mapImages(paths: readonly string[]): Promise<ImagesAndLabels> {
  const files = await Promise.all(paths.map(findCifar10));
  const [{ stride }] = files as [Cifar10InFile];
  const rows = mapFiles({
    type: 'uint8',
    size: sizeOf(IMAGE_SHAPE),
    stride,
    planes: CIFAR_CHANNELS,
    files: files.map(({ path, bytes, offset, labels }) => ({ path, bytes, offset, rows: labels.length })),
  });
  return { inputs: rows, labels: joinLabels(files) };
}

function toDataset(images: ImagesAndLabels, classNames: readonly string[]): Images {
  return buildDataset('cifar10', {
    ...images,
    inputShape: IMAGE_SHAPE,
    classNames,
    scale: 1 / 255,
  }) as Images;
}

function joinLabels(files: readonly (Cifar10Records | Cifar10InFile)[]): Uint8Array {
  return joinBytes(files.map(({ labels }) => labels));
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
}

function missing(text: string, cause?: unknown): GradloomError {
  return new GradloomError('NOT_INSTALLED', `cifar10: ${text}`, { cause });
}
