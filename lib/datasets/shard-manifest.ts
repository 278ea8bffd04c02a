/** `shards.json`: what the files of a set hold, and in which order they follow one another. */
import { join } from 'node:path';
import { GradloomError } from '../core/errors.ts';
import {
  anything,
  boolean,
  extent,
  guardedBy,
  integer,
  oneOf,
  optional,
  readOptions,
  required,
  sampleShape,
} from '../core/options.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import { readWholeFile } from '../formats/files.ts';
import { ID_BYTES, type ShardLayout } from '../formats/shard-file.ts';
import type { DatasetParts, LabelKind } from './dataset-parts.ts';
import { classNames } from './labels.ts';
import { isBytes, isMapped } from './mapped-inputs.ts';
import { type Preprocessing, readPreprocessing } from './preprocessing.ts';
import type { Table } from './table.ts';
import { readTableRecord, tableToRecord } from './table-record.ts';

export const MANIFEST = 'shards.json';

/** What all samples of a set have in common. */
export interface ShardedKind {
  readonly inputShape: Shape;
  readonly inputType: 'uint8' | 'float32';
  readonly labelKind: LabelKind;
  /** `[]` for classes and where there are none. */
  readonly labelShape: Shape;
  readonly labelType: 'uint8' | 'int32' | 'float32' | 'none';
  readonly classNames: readonly string[] | undefined;
  readonly weighted: boolean;
  readonly preprocessing: Preprocessing;
  readonly table: Table | undefined;
}

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

const BYTES = { uint8: 1, int32: 4, float32: 4, none: 0 };

export function layoutOf(kind: ShardedKind, samples: number): ShardLayout {
  return {
    samples,
    inputs: sizeOf(kind.inputShape) * BYTES[kind.inputType],
    labels: sizeOf(kind.labelShape) * BYTES[kind.labelType],
    weights: kind.weighted ? 4 : 0,
  };
}

/** Throws `INVALID_DATA` for samples that are no bytes or floats. */
export function kindOf(operation: string, parts: DatasetParts): ShardedKind {
  const { inputs, inputShape, labels, labelKind, labelShape, sampleWeights, preprocessing, table } = parts;
  if (!isMapped(inputs) && !(inputs instanceof Uint8Array) && !(inputs instanceof Float32Array)) {
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: the samples are ${inputs instanceof Int32Array ? 'ids' : 'sparse'}; shards hold uint8 or float32`,
    );
  }
  const labelType =
    labels === undefined
      ? 'none'
      : labels instanceof Uint8Array
        ? 'uint8'
        : labels instanceof Int32Array
          ? 'int32'
          : 'float32';
  return {
    inputShape,
    inputType: isBytes(inputs) ? 'uint8' : 'float32',
    labelKind,
    labelShape,
    labelType,
    classNames: parts.classNames,
    weighted: sampleWeights !== undefined,
    preprocessing,
    table,
  };
}

export function encodeManifest({ table, ...manifest }: Manifest): Uint8Array {
  const record = { format: FORMAT, version: VERSION, ...manifest, table: table && tableToRecord(table) };
  return new TextEncoder().encode(`${JSON.stringify(record, null, 1)}\n`);
}

const FORMAT = 'gradloom-shards';
const VERSION = 1;

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
const labelShape = guardedBy('a shape, or []', (given): given is Shape => {
  return Array.isArray(given) && given.every((axis) => extent.read(axis) !== undefined);
});

const FIELDS = {
  format: required(oneOf(FORMAT)),
  version: required(integer(VERSION, VERSION)),
  id: required(digits(ID_BYTES)),
  inputShape: required(sampleShape),
  inputType: required(oneOf('uint8', 'float32')),
  labelKind: required(oneOf('class', 'values', 'none')),
  labelShape: required(labelShape),
  labelType: required(oneOf('uint8', 'int32', 'float32', 'none')),
  classCount: required(integer(0)),
  classNames: optional(classNames),
  weighted: required(boolean),
  preprocessing: required(anything('a preprocessing')),
  table: optional(anything('a table')),
  shards: required(list),
};
const ENTRY = { file: required(fileName), samples: required(extent), sha256: required(digits(32)) };

const LABEL_TYPES: Readonly<Record<Exclude<LabelKind, 'targets'>, readonly string[]>> = {
  class: ['uint8', 'int32'],
  values: ['float32'],
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
  const { format: _, version: __, ...read } = readOptions('manifest', given as object, FIELDS);
  const shards = read.shards.map((entry, place) => readOptions(`shards[${place}]`, entry as object, ENTRY));
  const table = read.table === undefined ? undefined : readTableRecord(read.table);
  const fits = [
    ['labelType', LABEL_TYPES[read.labelKind].includes(read.labelType)],
    ['labelShape', read.labelKind === 'values' || read.labelShape.length === 0],
    ['classNames', read.classNames === undefined || read.classNames.length === read.classCount],
    ['table', table === undefined || table.featureNames.length === sizeOf(read.inputShape)],
  ] as const;
  const wrong = fits.find(([, isRight]) => !isRight);
  if (wrong !== undefined) {
    throw new GradloomError('FILE_FORMAT', `manifest: ${wrong[0]} does not go with the other fields`);
  }
  return {
    ...read,
    classNames: read.classNames,
    preprocessing: readPreprocessing(read.preprocessing, read.inputShape),
    table,
    shards,
  };
}
