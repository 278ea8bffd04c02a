/** CIFAR-10 from a copy on this machine; nothing is downloaded. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { GradloomError } from '../core/errors.ts';
import { optional, readOptions, text } from '../core/options.ts';
import {
  CIFAR_CHANNELS,
  CIFAR_SIDE,
  CIFAR10_CLASSES,
  type Cifar10Records,
  readCifar10,
} from '../formats/cifar.ts';
import { isSystemError, readWholeFile } from '../formats/files.ts';
import type { Dataset } from './dataset.ts';
import { buildDataset } from './from-arrays.ts';
import type { FolderOptions } from './mnist.ts';

type Images = Dataset<[32, 32, 3], 'class'>;

const OPTIONS = { folder: optional(text) };

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
  options: FolderOptions = {},
): Promise<{ readonly train: Images; readonly test: Images }> {
  const { folder = process.env.CIFAR10_DIR } = readOptions('cifar10', options, OPTIONS);
  if (folder === undefined) throw missing(`no folder is named; ${REMEDY}`);
  const files = listFolder(folder);
  const batches = findBatches(folder, files);
  for (const name of ['test_batch.bin', 'batches.meta.txt']) {
    if (!files.includes(name)) throw missing(`${folder} has no ${name}; ${REMEDY}`);
  }
  const classNames = await readNames(join(folder, 'batches.meta.txt'));
  const [test, ...train] = await Promise.all(
    ['test_batch.bin', ...batches].map((name) => readCifar10(join(folder, name))),
  );
  return { train: toDataset(train, classNames), test: toDataset([test as Cifar10Records], classNames) };
}

function listFolder(folder: string): readonly string[] {
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

function toDataset(files: readonly Cifar10Records[], classNames: readonly string[]): Images {
  return buildDataset('cifar10', {
    inputs: joinBytes(files.map(({ images }) => images)),
    inputShape: [CIFAR_SIDE, CIFAR_SIDE, CIFAR_CHANNELS],
    labels: joinBytes(files.map(({ labels }) => labels)),
    classNames,
    scale: 1 / 255,
  }) as Images;
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
}

function missing(text: string, cause?: unknown): GradloomError {
  return new GradloomError('NOT_INSTALLED', `cifar10: ${text}`, { cause });
}
