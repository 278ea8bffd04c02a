/**
 * `shards.json`: what the files of a set hold, and in which order they follow one another. Version 1, which is still written
 * for them, has sets of one input of bytes or floats; version 2 lists the inputs.
 */
import { join } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import {
  anything,
  boolean,
  extent,
  guardedBy,
  integer,
  oneOf,
  optional,
  readOptions,
  readValue,
  required,
  sampleShape,
} from '../../core/options.ts';
import { type Shape, sizeOf } from '../../core/shape.ts';
import { readWholeFile } from '../../formats/files.ts';
import { ID_BYTES } from '../../formats/shard-file.ts';
import type { LabelKind, Target } from '../parts/dataset-parts.ts';
import { readPreprocessing } from '../parts/preprocessing.ts';
import { readTableRecord, tableToRecord } from '../parts/table-record.ts';
import { classNames } from '../values/labels.ts';
import type { ShardedInput, ShardedKind } from './shard-kind.ts';

export const MANIFEST = 'shards.json';

export interface ShardEntry {
  readonly file: string;
  readonly samples: number;
  /** Of all behind the header, in hexadecimal digits. */
  readonly sha256: string;
}

export interface Manifest extends ShardedKind {
  readonly id: string;
  readonly classCount: number;
  readonly shards: readonly ShardEntry[];
}

export function encodeManifest({ inputs, targets, ...manifest }: Manifest): Uint8Array {
  const [{ name, ...only }] = inputs.map(toRecord) as [ReturnType<typeof toRecord>];
  const isOld = name === undefined && only.inputType !== 'int32' && targets === undefined;
  const record = isOld
    ? { format: FORMAT, version: 1, ...only, ...manifest }
    : {
        format: FORMAT,
        version: 2,
        inputs: inputs.map(toRecord),
        targets: targets?.map(({ first: _, ...target }) => target),
        ...manifest,
      };
  return new TextEncoder().encode(`${JSON.stringify(record, null, 1)}\n`);
}

function toRecord({ name, table, ...input }: ShardedInput) {
  return { name: name === '' ? undefined : name, ...input, table: table && tableToRecord(table) };
}

const FORMAT = 'gradloom-shards';

const list = guardedBy('a list of at least one', (given): given is readonly unknown[] => {
  return Array.isArray(given) && given.length > 0;
});
const digits = (bytes: number) =>
  guardedBy(`${2 * bytes} hexadecimal digits`, (given): given is string => {
    return typeof given === 'string' && given.length === 2 * bytes && /^[0-9a-f]*$/.test(given);
  });
const fileName = guardedBy('the name of a file in the folder', (given): given is string => {
  return typeof given === 'string' && /^[^/\\]+$/.test(given) && given !== '.' && given !== '..';
});
const inputName = guardedBy('a name of 1 to 100 letters, digits, _ and -', (given): given is string => {
  return typeof given === 'string' && /^[A-Za-z0-9_-]{1,100}$/.test(given);
});
const labelShape = guardedBy('a shape, or []', (given): given is Shape => {
  return Array.isArray(given) && given.every((axis) => extent.read(axis) !== undefined);
});

const version = integer(1, 2);

const COMMON = {
  format: required(oneOf(FORMAT)),
  version: required(version),
  id: required(digits(ID_BYTES)),
  labelKind: required(oneOf('class', 'values', 'targets', 'none')),
  labelShape: required(labelShape),
  labelType: required(oneOf('uint8', 'int32', 'float32', 'none')),
  classCount: required(integer(0)),
  classNames: optional(classNames),
  weighted: required(boolean),
  shards: required(list),
};
const INPUT = {
  inputShape: required(sampleShape),
  inputType: required(oneOf('uint8', 'float32', 'int32')),
  preprocessing: required(anything('a preprocessing')),
  table: optional(anything('a table')),
};
const OLD_FIELDS = { ...COMMON, ...INPUT, inputType: required(oneOf('uint8', 'float32')) };
const FIELDS = { ...COMMON, inputs: required(list), targets: optional(list) };
const NAMED_INPUT = { name: optional(inputName), ...INPUT };
const TARGET = {
  name: required(inputName),
  kind: required(oneOf('class', 'values')),
  shape: required(labelShape),
};
const ENTRY = { file: required(fileName), samples: required(extent), sha256: required(digits(32)) };

const LABEL_TYPES: Readonly<Record<LabelKind, readonly string[]>> = {
  class: ['uint8', 'int32'],
  values: ['float32'],
  targets: ['float32'],
  none: ['none'],
};

/** Throws `FILE_NOT_FOUND`, and `FILE_FORMAT` with the file and the field. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  const bytes = await readWholeFile(path);
  try {
    return checkManifest(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (error) {
    if (!(error instanceof GradloomError || error instanceof SyntaxError || error instanceof TypeError))
      throw error;
    throw new GradloomError('FILE_FORMAT', `${path}: ${error.message}`, { cause: error });
  }
}

function checkManifest(given: unknown): Manifest {
  const { version: found } = Object(given) as { readonly version?: unknown };
  const isOld = readValue('manifest', 'version', found, version) === 1;
  const {
    format: _,
    version: __,
    shards,
    inputs,
    targets,
    ...read
  } = isOld ? readOld(given) : readNew(given);
  const width = targets?.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const hasValues = read.labelKind === 'values' || read.labelKind === 'targets';
  const names = inputs.map(({ name }) => name);
  checkFits('manifest', [
    ['labelType', LABEL_TYPES[read.labelKind].includes(read.labelType)],
    ['labelShape', hasValues || read.labelShape.length === 0],
    ['classNames', read.classNames === undefined || read.classNames.length === read.classCount],
    ['inputs', new Set(names).size === names.length && (names.length === 1 || !names.includes(''))],
    ['targets', (targets !== undefined) === (read.labelKind === 'targets')],
    ['targets', width === undefined || (read.labelShape.length === 1 && read.labelShape[0] === width)],
    ['targets', new Set(targets?.map(({ name }) => name)).size === (targets?.length ?? 0)],
  ]);
  return {
    ...read,
    classNames: read.classNames,
    inputs,
    targets,
    shards: shards.map((entry, place) => readOptions(`shards[${place}]`, entry as object, ENTRY)),
  };
}

function checkFits(where: string, fits: readonly (readonly [field: string, isRight: boolean])[]): void {
  const wrong = fits.find(([, isRight]) => !isRight);
  if (wrong === undefined) return;
  throw new GradloomError('FILE_FORMAT', `${where}: ${wrong[0]} does not go with the other fields`);
}

function readOld(given: unknown) {
  const { inputShape, inputType, preprocessing, table, ...read } = readOptions(
    'manifest',
    given as object,
    OLD_FIELDS,
  );
  const input = checkInput('manifest', { name: undefined, inputShape, inputType, preprocessing, table });
  return { ...read, inputs: [input], targets: undefined };
}

function readNew(given: unknown) {
  const { inputs, targets, ...read } = readOptions('manifest', given as object, FIELDS);
  return {
    ...read,
    inputs: inputs.map((each, place) => {
      const where = `inputs[${place}]`;
      return checkInput(where, readOptions(where, each as object, NAMED_INPUT));
    }),
    targets: targets && readTargetList(targets),
  };
}

function checkInput(
  where: string,
  given: Pick<ShardedInput, 'inputShape' | 'inputType'> & {
    readonly name: string | undefined;
    readonly preprocessing: unknown;
    readonly table: unknown;
  },
): ShardedInput {
  const { name = '', inputShape, inputType } = given;
  const table = given.table === undefined ? undefined : readTableRecord(given.table);
  checkFits(where, [['table', table === undefined || table.featureNames.length === sizeOf(inputShape)]]);
  const preprocessing = readPreprocessing(given.preprocessing, inputShape);
  return { name, inputShape, inputType, preprocessing, table };
}

function readTargetList(given: readonly unknown[]): readonly Target[] {
  let first = 0;
  return given.map((each, place) => {
    const target = readOptions(`targets[${place}]`, each as object, TARGET);
    checkFits(`targets[${place}]`, [['shape', target.kind === 'values' || target.shape.length === 0]]);
    first += sizeOf(target.shape);
    return { ...target, first: first - sizeOf(target.shape) };
  });
}
