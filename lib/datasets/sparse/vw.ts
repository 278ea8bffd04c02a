import { GradloomError } from '../../core/errors.ts';
import {
  formatValue,
  integer,
  listOf,
  oneOf,
  optional,
  readOptions,
  readValue,
  text,
  withDefault,
} from '../../core/options.ts';
import { lineError } from '../../formats/format-error.ts';
import { readVw, type VwNamespace } from '../../formats/vw.ts';
import { crossEntries, crossLength, type HashedEntry } from '../../text/feature-hash.ts';
import { hashText } from '../../text/murmur-hash.ts';
import { buildSparse } from '../arrays/from-sparse.ts';
import type { Dataset } from '../dataset.ts';
import { classesOf } from '../values/label-names.ts';
import { crosses } from './crosses.ts';
import { type LibsvmLike, likeSparse } from './libsvm.ts';
import { SparseRowsBuilder } from './sparse-rows-builder.ts';

export interface VwOptions<Label extends 'class' | 'values' | 'none' = 'class' | 'values' | 'none'> {
  /** How many features names are hashed to. With 2 to the power of `b` the numbers are those of `vw -b b`. Default: those of `like`, or 262144 (`b` 18). */
  readonly features?: number;
  /**
   * `'class'`: the different labels, ascending, are the classes, and their names; `'values'`: numbers to predict; `'none'`: labels, if there
   * are any, are left out. Default: `'class'`.
   */
  readonly labelKind?: Label;
  /** The dataset of a training file, or a model that was trained on one: features and classes are taken from it. Default: as the file has them. */
  readonly like?: Pick<LibsvmLike, 'inputShape' | 'classNames'>;
  /**
   * Namespaces whose features are crossed, each choice of one of each: `[['user', 'item']]`. `''` is that of features without one.
   * Default: none.
   */
  readonly crosses?: readonly (readonly string[])[];
}

const OPTIONS = {
  features: optional(integer(1, 2 ** 31)),
  labelKind: withDefault(oneOf('class', 'values', 'none'), 'class'),
  like: optional(likeSparse),
  crosses: withDefault(crosses('namespaces'), []),
};

/** Beyond this the crosses of one sample are a mistake. */
const MAX_CROSSED = 2 ** 20;

/**
 * Samples of a text file of Vowpal Wabbit: `label importance 'tag |namespace feature:value ...` on each line. A feature's number is that of
 * `vw`: MurmurHash3 of its name, by the hash of its namespace; a name that is an integer is the number itself, plus that hash. Features of
 * one number add up. Importances, if there are any, become the sample weights; tags are left out. There is no constant feature: layers
 * have a bias.
 *
 * @example
 * const train = await vw('clicks.vw', { features: 2 ** 20, crosses: [['user', 'item']] });
 * const { model } = await linearClassifier(train, { epochs: 1 });
 *
 * Throws `FILE_NOT_FOUND`; `FILE_FORMAT` with the line, also for labels with costs or several classes, predictions to start from and
 * samples without a label; `INVALID_OPTION` for a cross of a namespace that no sample has; `INVALID_DATA` for a label that is no class of
 * `like`.
 */
export async function vw<Label extends 'class' | 'values' | 'none' = 'class'>(
  path: string,
  options: VwOptions<Label> = {},
): Promise<Dataset<readonly [number], Label>> {
  readValue('vw', 'path', path, text);
  const given = readOptions('vw', options, OPTIONS);
  const { labelKind, like } = given;
  const features = given.features ?? like?.inputShape[0] ?? 2 ** 18;
  const labels: number[] = [];
  const lines: number[] = [];
  const importances: number[] = [];
  const known = new Set<string>();
  const builder = new SparseRowsBuilder();
  for await (const sample of readVw(path)) {
    const { line } = sample;
    if (sample.label === undefined && labelKind !== 'none') {
      throw lineError(
        path,
        line,
        'the sample has no label; give one, or read the file with { labelKind: "none" }',
      );
    }
    const entries = hashNamespaces(sample.namespaces);
    for (const name of entries.keys()) known.add(name);
    const crossed = given.crosses.map((names) => names.map((name) => entries.get(name) ?? []));
    if (crossed.reduce((sum, lists) => sum + crossLength(lists), 0) > MAX_CROSSED) {
      throw lineError(path, line, `the crosses of this sample are more than ${MAX_CROSSED} features`);
    }
    for (const list of [...entries.values(), ...crossed.map(crossEntries)]) {
      for (const { hash, value } of list) builder.add((hash >>> 0) % features, value);
    }
    builder.endSample(path, line);
    labels.push(sample.label ?? 0);
    lines.push(line);
    importances.push(sample.importance);
  }
  const strange = given.crosses.flat().find((name) => !known.has(name));
  if (strange !== undefined && labels.length > 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `vw: crosses names the namespace ${formatValue(strange)}, which no sample of ${path} has; there are ${listOf([...known].map(formatValue))}`,
    );
  }
  const isWeighted = importances.some((importance) => importance !== 1);
  return buildSparse('vw', {
    features,
    inputs: builder.taken(),
    labelKind,
    ...(labelKind === 'class'
      ? classesOf(labels.map(String), like?.classNames, (place) => `${path}: line ${lines[place]}`)
      : { labels: labelKind === 'values' ? Float32Array.from(labels) : undefined }),
    ...(isWeighted ? { sampleWeights: Float32Array.from(importances) } : {}),
  }) as unknown as Dataset<readonly [number], Label>;
}

/** By name; the features of namespaces of one name come together. */
function hashNamespaces(namespaces: readonly VwNamespace[]): ReadonlyMap<string, readonly HashedEntry[]> {
  const entries = new Map<string, HashedEntry[]>();
  for (const { name, features } of namespaces) {
    const list = entries.get(name) ?? [];
    const seed = name === '' ? 0 : hashName(name, 0);
    for (const feature of features) list.push({ hash: hashName(feature.name, seed), value: feature.value });
    entries.set(name, list);
  }
  return entries;
}

/** Integers stand for themselves, beyond a seed. */
function hashName(name: string, seed: number): number {
  return /^\d+$/.test(name) ? Number(BigInt.asIntN(32, BigInt(name) + BigInt(seed))) : hashText(name, seed);
}
