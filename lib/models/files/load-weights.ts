/** Weights from a file or another model, by name: what fits, what does not, and the model's weights with what fits. */
import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import {
  boolean,
  formatValue,
  guardedBy,
  listOf,
  optional,
  readOptions,
  readValue,
  suggest,
  text,
  withDefault,
} from '../../core/options.ts';
import { formatShape, type Shape, sameShape } from '../../core/shape.ts';
import { toFloat32 } from '../../formats/float32.ts';
import { readSafetensors } from '../../formats/safetensors.ts';
import { countValues, type Tensor } from '../../formats/tensor.ts';
import type { NativeParameterInfo } from '../../native/index.ts';
import type { Weight, Weights } from './weights.ts';

/** Whether something by this name takes part. */
export type NameFilter = RegExp | ((name: string) => boolean);

export interface LoadWeightsOptions {
  /**
   * Which of the model's weights take part, by their names there: the others stay, and are neither missing nor
   * unexpected. Default: all.
   */
  readonly match?: NameFilter;
  /**
   * The model's names for those of the source: by a tensor's name, or by what stands before its last point, a layer's
   * name (`{ 'conv2d_1': 'features' }` for `conv2d_1.weight` too); others keep their names. Or a function, which leaves
   * a tensor out with undefined. Default: the same names.
   */
  readonly rename?: Readonly<Record<string, string>> | ((name: string) => string | undefined);
  /**
   * Whether all that takes part must fit: with `false`, what fits is loaded and the rest reported. Default: true.
   */
  readonly strict?: boolean;
}

/** A weight whose shape in the source is not the model's. */
export interface MismatchedWeight {
  readonly name: string;
  /** In the source. */
  readonly shape: Shape;
  /** In the model. */
  readonly expected: Shape;
}

/** What became of the weights, by the model's names; `unexpected` has those of the source. */
export interface LoadReport {
  readonly loaded: readonly string[];
  /** Weights of the model that the source has not. */
  readonly missing: readonly string[];
  /** Tensors of the source that are no weights of the model. */
  readonly unexpected: readonly string[];
  readonly mismatched: readonly MismatchedWeight[];
}

export type Tensors = ReadonlyMap<string, Tensor>;

const filter = guardedBy(
  'a regular expression or a function',
  (given): given is NameFilter => types.isRegExp(given) || typeof given === 'function',
);
const renaming = guardedBy(
  'an object of names or a function',
  (given): given is NonNullable<LoadWeightsOptions['rename']> =>
    typeof given === 'function' ||
    (typeof given === 'object' &&
      given !== null &&
      Object.values(given).every((name) => typeof name === 'string')),
);

export const LOAD_WEIGHTS_OPTIONS = {
  match: optional(filter),
  rename: optional(renaming),
  strict: withDefault(boolean, true),
};

/** Reads what `loadWeights` is given, and compares it with a model's parameters. */
export async function selectFromSource(
  operation: string,
  parameters: readonly NativeParameterInfo[],
  source: string | Weights,
  options: LoadWeightsOptions,
): Promise<Selection> {
  const { rename, match, strict } = readOptions(operation, options, LOAD_WEIGHTS_OPTIONS);
  const tensors =
    typeof source === 'string'
      ? await readTensors(readValue(operation, 'path', source, text))
      : readWeights(operation, source);
  const selection = selectWeights(operation, parameters, tensors, {
    rename: makeRename(operation, tensors, rename),
    match,
  });
  if (strict) checkAllFit(operation, selection.report);
  return selection;
}

/** The tensors of a safetensors file of any program's; of a checkpoint only the model's. */
export async function readTensors(path: string): Promise<Tensors> {
  const { tensors, metadata } = await readSafetensors(path, { checksum: 'optional' });
  if (metadata.trainer === undefined) return tensors;
  // The optimizer's state of a weight is named by the weight: dense_1.weight.accumulator.
  return new Map([...tensors].filter(([name]) => !tensors.has(ownerOf(name))));
}

/** Checks weights that a caller gives; their shapes are compared later. */
function readWeights(operation: string, given: Weights): Tensors {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: give a path or an object such as getWeights() gives, got ${formatValue(given)}`,
    );
  }
  return new Map(Object.entries(given).map(([name, weight]) => [name, readWeight(operation, name, weight)]));
}

function readWeight(operation: string, name: string, given: Partial<Weight> | null): Tensor {
  const { data, shape } = given ?? {};
  if (types.isFloat32Array(data) && Array.isArray(shape) && countValues(shape) === data.length) {
    return { dtype: 'F32', shape, data: new Float32Array(data) };
  }
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: ${name} must be { data: Float32Array, shape } with as many values as its shape says, got ${formatValue(given)}`,
  );
}

/** The function that renames tensors. Throws `INVALID_OPTION` for a name that the source has not. */
function makeRename(
  operation: string,
  tensors: Tensors,
  given: LoadWeightsOptions['rename'],
): (name: string) => string | undefined {
  if (given === undefined) return (name) => name;
  if (typeof given === 'function') return given;
  const known = [...tensors.keys()].flatMap((name) => [name, ownerOf(name)]);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: rename has ${formatValue(unknown)}, which is no tensor or layer of the source; ${suggest(unknown, [...tensors.keys()])}`,
    );
  }
  return (name) => {
    if (Object.hasOwn(given, name)) return given[name];
    const owner = ownerOf(name);
    return Object.hasOwn(given, owner) ? given[owner] + name.slice(owner.length) : name;
  };
}

/** What stands before a name's last point; empty without one. */
export function ownerOf(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf('.'), 0));
}

export interface Selection {
  readonly report: LoadReport;
  /** By the model's names. */
  readonly weights: Weights;
}

/** Compares the tensors of a source with a model's parameters; `rename` gives the model's names. */
export function selectWeights(
  operation: string,
  parameters: readonly NativeParameterInfo[],
  tensors: Tensors,
  { rename, match }: { rename: (name: string) => string | undefined; match: NameFilter | undefined },
): Selection {
  const takesPart = (name: string) =>
    match === undefined || (typeof match === 'function' ? match(name) : name.search(match) >= 0);
  const sources = nameSources(operation, tensors, rename, takesPart);
  const expected = parameters.filter(({ name }) => takesPart(name));
  const found = expected.flatMap((parameter) => {
    const source = sources.get(parameter.name);
    return source === undefined ? [] : [{ ...parameter, source, tensor: tensors.get(source) as Tensor }];
  });
  const fitting = found.filter(({ shape, tensor }) => sameShape(shape, tensor.shape));
  const names = new Set(expected.map(({ name }) => name));
  return {
    report: Object.freeze({
      loaded: fitting.map(({ name }) => name),
      missing: expected.map(({ name }) => name).filter((name) => !sources.has(name)),
      unexpected: [...sources].filter(([name]) => !names.has(name)).map(([, source]) => source),
      mismatched: found
        .filter(({ shape, tensor }) => !sameShape(shape, tensor.shape))
        .map(({ name, shape, tensor }) => ({ name, shape: tensor.shape, expected: shape })),
    }),
    weights: Object.fromEntries(
      fitting.map(({ name, shape, source, tensor }) => [
        name,
        { data: floatsOf(operation, source, tensor), shape },
      ]),
    ),
  };
}

/** The source's names by the model's, of those that take part. */
function nameSources(
  operation: string,
  tensors: Tensors,
  rename: (name: string) => string | undefined,
  takesPart: (name: string) => boolean,
): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const source of tensors.keys()) {
    const name = rename(source);
    if (name === undefined || !takesPart(name)) continue;
    const other = sources.get(name);
    if (other !== undefined) {
      throw new GradloomError(
        'INVALID_OPTION',
        `${operation}: ${formatValue(other)} and ${formatValue(source)} are both to be ${formatValue(name)}; rename one of them otherwise`,
      );
    }
    sources.set(name, source);
  }
  return sources;
}

function floatsOf(operation: string, name: string, tensor: Tensor): Float32Array {
  const floats = toFloat32(tensor);
  if (floats !== undefined) return floats;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: tensor ${formatValue(name)} has dtype ${tensor.dtype}, expected F32, F64, F16 or BF16`,
  );
}

const REMEDY = 'mend names with rename, choose with match, or load what fits with strict: false';

/** Throws, with all that does not fit, unless everything does; `notes` are further lines. */
export function checkAllFit(
  operation: string,
  { missing, unexpected, mismatched }: LoadReport,
  { remedy = REMEDY, notes = [] }: { readonly remedy?: string; readonly notes?: readonly string[] } = {},
): void {
  const lines = [
    ...(missing.length > 0 ? [`missing: ${listOf(missing)}`] : []),
    ...(unexpected.length > 0 ? [`unexpected: ${listOf(unexpected)}`] : []),
    ...mismatched.map(
      ({ name, shape, expected }) =>
        `mismatched: ${name} has shape ${formatShape(shape)}, the model needs ${formatShape(expected)}`,
    ),
  ];
  if (lines.length === 0) return;
  throw new GradloomError(
    mismatched.length > 0 ? 'SHAPE_MISMATCH' : 'INVALID_DATA',
    `${operation}: the weights do not fit the model, nothing was changed; ${remedy}\n  ${[...lines, ...notes].join('\n  ')}`,
  );
}
