/** What all samples of a set of files have in common, and where in a file the values of one lie. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, listOf } from '../../core/options.ts';
import { type Shape, sizeOf } from '../../core/shape.ts';
import type { ShardLayout } from '../../formats/shard-file.ts';
import type { AnyParts, InputParts, LabelKind, Labels, Target } from '../parts/dataset-parts.ts';
import { isMapped } from '../parts/mapped-inputs.ts';
import type { Preprocessing } from '../parts/preprocessing.ts';
import { isBytes, isSparse } from '../parts/stored-inputs.ts';
import type { Table } from '../parts/table.ts';

export interface ShardedInput {
  /** Empty in a set of one input. */
  readonly name: string;
  readonly inputShape: Shape;
  /** int32: ids, which are read into memory. */
  readonly inputType: 'uint8' | 'float32' | 'int32';
  readonly preprocessing: Preprocessing;
  readonly table: Table | undefined;
}

export interface ShardedLabels {
  readonly labelKind: LabelKind;
  /** `[]` for classes and where there are none. */
  readonly labelShape: Shape;
  readonly labelType: 'uint8' | 'int32' | 'float32' | 'none';
  /** Of labels of kind `'targets'`. */
  readonly targets: readonly Target[] | undefined;
  readonly classNames: readonly string[] | undefined;
  readonly weighted: boolean;
}

export interface ShardedKind extends ShardedLabels {
  readonly inputs: readonly ShardedInput[];
}

const BYTES = { uint8: 1, int32: 4, float32: 4, none: 0 };

/**
 * Where each input's values begin in the bytes of a sample. Ids have a record of their own (`ids` bytes); in that of the
 * others (`inputs` bytes) floats stand before bytes and are aligned.
 */
export function recordsOf(inputs: readonly ShardedInput[]) {
  const bytes = { uint8: 0, int32: 0, float32: 0 };
  const within = inputs.map(({ inputShape, inputType }) => {
    const place = bytes[inputType];
    bytes[inputType] += sizeOf(inputShape) * BYTES[inputType];
    return place;
  });
  const padding = bytes.float32 === 0 ? 0 : (4 - (bytes.uint8 % 4)) % 4;
  return {
    inputs: bytes.float32 + bytes.uint8 + padding,
    ids: bytes.int32,
    places: inputs.map(({ inputType }, i) => {
      return (within[i] as number) + (inputType === 'uint8' ? bytes.float32 : 0);
    }),
  };
}

export function layoutOf(kind: ShardedKind, samples: number): ShardLayout {
  const { inputs, ids } = recordsOf(kind.inputs);
  return {
    samples,
    inputs,
    ids,
    labels: sizeOf(kind.labelShape) * BYTES[kind.labelType],
    weights: kind.weighted ? 4 : 0,
  };
}

/** The only one of a set of one input has an empty name. */
export function namedInputsOf(parts: AnyParts): readonly (readonly [name: string, input: InputParts])[] {
  return parts.columns === undefined ? [['', parts]] : Object.entries(parts.columns);
}

/** Throws `INVALID_DATA` for sparse samples. */
export function kindOf(operation: string, parts: AnyParts): ShardedKind {
  const { labels, labelKind, labelShape, targets, classNames, sampleWeights } = parts;
  return {
    inputs: namedInputsOf(parts).map(([name, input]) => ({
      name,
      inputShape: input.inputShape,
      inputType: inputTypeOf(operation, name, input),
      preprocessing: input.preprocessing,
      table: input.table,
    })),
    labelKind,
    labelShape,
    labelType: labelTypeOf(labels),
    targets,
    classNames,
    weighted: sampleWeights !== undefined,
  };
}

function inputTypeOf(operation: string, name: string, { inputs }: InputParts): ShardedInput['inputType'] {
  if (isSparse(inputs)) {
    const what = name === '' ? 'the samples are sparse' : `input ${formatValue(name)} is sparse`;
    throw new GradloomError(
      'INVALID_DATA',
      `${operation}: ${what}; shards hold uint8, float32 and ids as int32, as many in every sample`,
    );
  }
  if (isBytes(inputs)) return 'uint8';
  return isMapped(inputs) || inputs instanceof Float32Array ? 'float32' : 'int32';
}

function labelTypeOf(labels: Labels | undefined): ShardedLabels['labelType'] {
  if (labels === undefined) return 'none';
  if (labels instanceof Uint8Array) return 'uint8';
  return labels instanceof Int32Array ? 'int32' : 'float32';
}

/** Throws `SHAPE_MISMATCH` for a data set of another kind than the first of the stream. Inputs may stand in any order. */
export function checkKind(operation: string, kind: ShardedKind, first: ShardedKind): void {
  const differs = (what: string, got: string, expected: string) =>
    new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: a data set of the stream has ${what} ${got}, the first ${expected}`,
    );
  const compare = <Value extends object>(got: Value, expected: Value, of: string) => {
    for (const field of Object.keys(expected) as (keyof Value & string)[]) {
      const [a, b] = [got[field], expected[field]].map((value) => JSON.stringify(value) ?? 'none');
      if (a !== b) throw differs(`${field}${of}`, a as string, b as string);
    }
  };
  const names = ({ inputs }: ShardedKind) => inputs.map(({ name }) => name);
  if (names(kind).sort().join() !== names(first).sort().join()) {
    const [a, b] = [kind, first].map((each) => {
      const list = listOf(names(each).map(formatValue));
      return list === '""' ? 'one without a name' : list;
    });
    throw differs('the inputs', a as string, b as string);
  }
  for (const expected of first.inputs) {
    const got = kind.inputs.find(({ name }) => name === expected.name) as ShardedInput;
    compare(got, expected, expected.name === '' ? '' : ` of input ${formatValue(expected.name)}`);
  }
  const { inputs: _, ...labels } = kind;
  const { inputs: __, ...expected } = first;
  compare<ShardedLabels>(labels, expected, '');
}
