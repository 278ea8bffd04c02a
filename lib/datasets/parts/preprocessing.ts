import { GradloomError } from '../../core/errors.ts';
import { guardedBy, oneOf, optional, type Rule, readOptions, required } from '../../core/options.ts';
import type { Shape } from '../../core/shape.ts';

/**
 * What a model sees of a stored value `x`: `x * scale + shift`, both of one value for all, or of one for each index
 * of the sample's last axis (a feature of `[features]`, a channel of `[height, width, channels]`).
 */
export interface Preprocessing {
  readonly scale: readonly number[];
  readonly shift: readonly number[];
  /** What was done to the stored values, in order, and has to be done to raw samples before all else. */
  readonly before?: readonly NormStep[] | undefined;
}

/** Each sample's values `x * scale + shift`, divided by their norm. */
export interface NormStep {
  readonly norm: Norm;
  readonly scale: readonly number[];
  readonly shift: readonly number[];
}

/** Values as they are stored. */
export const IDENTITY: Preprocessing = Object.freeze({
  scale: Object.freeze([1]),
  shift: Object.freeze([0]),
});

export type Norm = 'l1' | 'l2' | 'max';

/** A number, or one for each index of the last axis; read as an array. */
export const factors: Rule<readonly number[]> = {
  expected: 'a finite number, or an array of one for each index of the last axis',
  read: (given) => {
    const values: readonly unknown[] = Array.isArray(given) ? [...given] : [given];
    return values.every(isFloat32) ? values : undefined;
  },
};

/** Finite also as a float32, which is what the native side computes with. */
export function isFloat32(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(Math.fround(value));
}

export function makePreprocessing(
  operation: string,
  channels: number,
  { scale, shift, before }: Preprocessing,
): Preprocessing {
  checkFactors(operation, channels, { scale, shift });
  return Object.freeze({
    scale: Object.freeze([...scale]),
    shift: Object.freeze([...shift]),
    ...(before === undefined ? {} : { before: Object.freeze([...before]) }),
  });
}

export function checkFactors(
  operation: string,
  channels: number,
  given: Readonly<Record<string, readonly number[]>>,
): void {
  for (const [name, values] of Object.entries(given)) {
    if (values.length === 1 || values.length === channels) continue;
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `${operation}: ${name} has ${values.length} values; give 1, or ${channels} for the last axis`,
    );
  }
}

/** The number of features of `[features]`, or of channels of `[height, width, channels]`. */
export function lastExtent(inputShape: Shape): number {
  return inputShape[inputShape.length - 1] as number;
}

/** The map of one index of the last axis. */
export function factorsAt(
  { scale, shift }: Pick<Preprocessing, 'scale' | 'shift'>,
  index: number,
): { scale: number; shift: number } {
  return { scale: scale[index % scale.length] as number, shift: shift[index % shift.length] as number };
}

const list = guardedBy('a list', (given): given is readonly unknown[] => Array.isArray(given));
const NORM_STEP = {
  norm: required(oneOf('l1', 'l2', 'max')),
  scale: required(factors),
  shift: required(factors),
};
const PREPROCESSING = { scale: required(factors), shift: required(factors), before: optional(list) };

/** One that was kept as plain data, checked. */
export function readPreprocessing(given: unknown, inputShape: Shape): Preprocessing {
  const read = readOptions('preprocessing', given as object, PREPROCESSING);
  const channels = lastExtent(inputShape);
  const before = read.before?.map((item, place): NormStep => {
    const { norm, ...map } = readOptions(`preprocessing: before[${place}]`, item as object, NORM_STEP);
    return Object.freeze({ norm, ...makePreprocessing(`preprocessing: before[${place}]`, channels, map) });
  });
  return makePreprocessing('preprocessing', channels, { ...read, before });
}
