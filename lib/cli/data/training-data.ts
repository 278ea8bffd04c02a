/** What `train` and `evaluate` name as data: a file of rows, a folder of pictures by class, or a set by its name. */
import { existsSync, statSync } from 'node:fs';
import { GradloomError } from '../../core/errors.ts';
import { formatValue, listOf } from '../../core/options.ts';
import { formatShape } from '../../core/shape.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { digits, fashionMnist, imageFolder, iris, mnist } from '../../datasets/index.ts';
import { countOf } from '../output.ts';
import { isLibsvm, readLibsvmData } from './libsvm-data.ts';
import {
  columnsOf,
  describeClasses,
  readTrainingTable,
  type TableDataOptions,
  type TrainingData,
} from './table-data.ts';

export interface DataOptions extends Omit<TableDataOptions, 'target'> {
  readonly target: string | undefined;
  readonly size: readonly [number, number];
  readonly channels: 1 | 3;
  readonly firstFeature: 0 | 1 | undefined;
}

const SETS: Readonly<Record<string, () => Promise<Dataset>>> = {
  iris,
  digits,
  mnist: async () => (await mnist()).train,
  'fashion-mnist': async () => (await fashionMnist()).train,
};

export const SET_NAMES = Object.keys(SETS);

/** The set of a name, unless a file or folder has it. */
export async function readSet(name: string): Promise<Dataset | undefined> {
  return Object.hasOwn(SETS, name) && !existsSync(name) ? await SETS[name]?.() : undefined;
}

export async function readTrainingData(path: string, options: DataOptions): Promise<TrainingData> {
  const set = await readSet(path);
  if (set !== undefined) return ofClasses(path, set);
  if (!existsSync(path)) {
    throw new GradloomError(
      'FILE_NOT_FOUND',
      `${path}: there is no such file or folder, and no set of this name (there are ${SET_NAMES.join(', ')})`,
    );
  }
  if (statSync(path).isDirectory()) {
    if (options.target !== undefined) {
      throw new GradloomError(
        'INVALID_OPTION',
        `${path}: is a folder, whose folders are the classes; leave --target out`,
      );
    }
    const { size, channels, missing } = options;
    const broken = missing === 'error' ? 'error' : 'skip';
    return ofClasses(path, await imageFolder(path, { size, channels, broken }));
  }
  if (isLibsvm(path)) return readLibsvmData(path, options);
  const { target } = options;
  if (target === undefined) {
    const names = await columnsOf(path, options);
    throw new GradloomError(
      'INVALID_OPTION',
      `${path}: name the column to predict with --target <column>; there are ${listOf(names)}`,
    );
  }
  return readTrainingTable(path, { ...options, target });
}

function ofClasses(path: string, dataset: Dataset): TrainingData {
  const shape = formatShape(dataset.inputShape);
  if (dataset.classCount < 2) {
    throw new GradloomError(
      'INVALID_DATA',
      `${path}: has the one class ${formatValue(dataset.classNames?.[0])}; two are needed`,
    );
  }
  return {
    dataset,
    task: 'classification',
    notes: [
      ['data', `${path}: ${countOf(dataset.length, nounOf(dataset))} of shape ${shape}`],
      ['target', `${dataset.classCount} classes: classification; ${describeClasses(dataset)}`],
    ],
  };
}

/** What a person calls a sample. */
export function nounOf(dataset: Dataset): 'picture' | 'row' {
  return dataset.inputShape.length === 3 ? 'picture' : 'row';
}
