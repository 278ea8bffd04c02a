/** Files of LIBSVM: sparse rows, or numbers side by side where nearly all are there. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import { Dataset, partsOf } from '../../datasets/dataset.ts';
import { type SparseInputs, spreadRow } from '../../datasets/parts/sparse-inputs.ts';
import { isSparse } from '../../datasets/parts/stored-inputs.ts';
import { libsvm } from '../../datasets/sparse/libsvm.ts';
import { readLibsvm } from '../../formats/libsvm.ts';
import { type Model, stateOf } from '../../models/model.ts';
import { countOf } from '../output.ts';
import { areClasses, describeClasses, type Task, type TrainingData } from './table-data.ts';

const ENDINGS = ['.libsvm', '.svm', '.svmlight'];
const TABLE_ENDINGS = ['.csv', '.tsv', '.json', '.ndjson', '.jsonl'];
/** `-1 3:0.5 7:1 # a note`. */
const LINE = /^[+-]?[0-9.eE+-]+([ \t]+\d+:[^ \t:]+)+[ \t]*(#.*)?$/;

/** Lines of `label feature:value ...`, whose label is the target; told by the ending, or by the first line. */
export function isLibsvm(path: string): boolean {
  const ending = extname(path).toLowerCase();
  if (ENDINGS.includes(ending)) return true;
  if (TABLE_ENDINGS.includes(ending) || !existsSync(path) || !statSync(path).isFile()) return false;
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(2 ** 16);
    const [line = ''] = bytes
      .toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0))
      .split(/\r\n|\n|\r/, 1);
    return LINE.test(line);
  } finally {
    closeSync(file);
  }
}

export interface LibsvmCommand {
  readonly target: string | undefined;
  readonly task: Task | 'auto';
  /** Undefined: as the file has it. */
  readonly firstFeature: 0 | 1 | undefined;
}

export async function readLibsvmData(path: string, command: LibsvmCommand): Promise<TrainingData> {
  const { target, task } = command;
  if (target !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${path}: the label of each line is the target; leave --target out`,
    );
  }
  const firstFeature = command.firstFeature ?? ((await namesFeature0(path)) ? 0 : 1);
  const amounts = await libsvm(path, { labelKind: 'values', firstFeature });
  const values = new Set(partsOf(amounts).labels ?? []);
  const isRegression = task === 'regression' || (task === 'auto' && !areClasses(values, amounts.length));
  const read = isRegression ? amounts : await libsvm(path, { firstFeature });
  const isFull = shareOf(read) >= FULL && (read.inputShape[0] as number) <= MAX_FULL;
  const data = `${path}: ${countOf(read.length, 'row')} of shape ${formatShape(read.inputShape)}, features from ${firstFeature}`;
  const hint = (other: Task, are: string) => (task === 'auto' ? ` (--task ${other} if they are ${are})` : '');
  const found = isRegression
    ? `numbers of ${countOf(values.size, 'different value')}: regression${hint('classification', 'classes')}`
    : `${countOf(read.classCount, 'class', 'classes')}: classification; ${describeClasses(read)}${hint('regression', 'amounts')}`;
  if (!isRegression && read.classCount < 2) {
    throw new GradloomError(
      'INVALID_DATA',
      `${path}: has the one class ${read.classNames?.[0]}; two are needed`,
    );
  }
  return {
    dataset: isFull ? spread(read) : read,
    task: isRegression ? 'regression' : 'classification',
    notes: [
      [
        'data',
        isFull
          ? `${data}; nearly all features are there, so that they are taken for numbers and scaled`
          : data,
      ],
      ['target', found],
    ],
  };
}

/** A file that does counts from 0: nothing else stands before 1. */
async function namesFeature0(path: string): Promise<boolean> {
  for await (const { indices } of readLibsvm(path)) if (indices.includes(0)) return true;
  return false;
}

/** Rows that are sparse by their form only are learned from better when they are scaled. */
const FULL = 0.5;
const MAX_FULL = 1000;

function shareOf(dataset: Dataset): number {
  const { indices } = partsOf(dataset).inputs as SparseInputs;
  return indices.length / (dataset.length * (dataset.inputShape[0] as number));
}

/** With a number for each feature. */
function spread(dataset: Dataset): Dataset {
  const parts = partsOf(dataset);
  const width = dataset.inputShape[0] as number;
  const inputs = new Float32Array(dataset.length * width);
  for (let row = 0; row < dataset.length; row++)
    inputs.set(spreadRow(parts.inputs as SparseInputs, row, width), row * width);
  return new Dataset({ ...parts, inputs });
}

/** As a model takes them that was trained on such a file; features that it has not met are left out. */
export async function readLibsvmFor(
  model: Model,
  path: string,
  labelKind: 'class' | 'values',
  firstFeature: 0 | 1 | undefined,
): Promise<Dataset> {
  const trained = model.firstFeature;
  if (firstFeature !== undefined && trained !== undefined && firstFeature !== trained) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${path}: features counted from ${trained} in the file that the model was trained on; leave --first-feature ${firstFeature} out`,
    );
  }
  const dataset: Dataset = await libsvm(path, {
    like: model,
    labelKind,
    unknown: 'missing',
    ...(firstFeature === undefined ? {} : { firstFeature }),
  });
  const [form] = stateOf(model).inputForms;
  return form === 'sparse' || !isSparse(partsOf(dataset).inputs) ? dataset : spread(dataset);
}
