/**
 * Initial values that a user gives. A description is small plain data, so it holds their shape only; the values stay
 * beside it, as long as it lives, and a file holds the weights anyway.
 */
import { types } from 'node:util';
import type { SpecValue } from '../native/index.ts';

/** A list of numbers in row-major order, or lists nested as the tensor's shape says. */
export type GivenValues = ArrayLike<number> | readonly GivenValues[];

export interface GivenSpec {
  readonly kind: 'given';
  /** Of one extent for values in a row. */
  readonly shape: readonly number[];
}

const VALUES = new WeakMap<object, Float32Array>();

/** A native shape has no more. */
const MAX_RANK = 4;

/**
 * Reads `{ kind: 'given', values }`, copying the values; its own result, with them; and `{ kind: 'given', shape }`, as
 * files have it, without. Undefined for ragged lists and for numbers that are not finite in float32.
 */
export function readGiven(given: object): GivenSpec | undefined {
  const { kind: _, values, shape, ...rest } = given as Readonly<Record<string, unknown>>;
  if (Object.keys(rest).length > 0) return undefined;
  if (values === undefined) {
    if (VALUES.has(given)) return given as GivenSpec;
    return isShape(shape) ? Object.freeze({ kind: 'given', shape: Object.freeze([...shape]) }) : undefined;
  }
  const extents = shape === undefined ? shapeOf(values) : undefined;
  if (extents === undefined) return undefined;
  const flat = new Float32Array(extents.reduce((size, extent) => size * extent, 1));
  if (fill(values, extents, flat, 0) !== flat.length || !flat.every(Number.isFinite)) return undefined;
  const spec: GivenSpec = Object.freeze({ kind: 'given', shape: Object.freeze(extents) });
  VALUES.set(spec, flat);
  return spec;
}

/** A description with the values of every given initializer beside its shape, for the native side. */
export function withGivenValues<Described extends SpecValue | undefined>(description: Described): Described {
  return mapSpecs(description, (spec) => {
    const values = VALUES.get(spec);
    return values === undefined ? undefined : { ...(spec as GivenSpec), values };
  }) as Described;
}

/** Whether a description has a given initializer whose values went lost on the way through text or a copy. */
export function lacksGivenValues(description: SpecValue | undefined): boolean {
  let lacks = false;
  mapSpecs(description, (spec) => {
    lacks ||= 'kind' in spec && spec.kind === 'given' && !VALUES.has(spec);
    return undefined;
  });
  return lacks;
}

/** Replaces objects for which `replace` gives something; descriptions are frozen and stay as they are. */
function mapSpecs(
  value: SpecValue | undefined,
  replace: (spec: object) => SpecValue | undefined,
): SpecValue | undefined {
  if (typeof value !== 'object' || value === null || types.isTypedArray(value)) return value;
  if (Array.isArray(value)) return value.map((item) => mapSpecs(item, replace) as SpecValue);
  const replaced = replace(value);
  if (replaced !== undefined) return replaced;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, mapSpecs(field, replace)]));
}

function isShape(given: unknown): given is readonly number[] {
  return (
    Array.isArray(given) &&
    given.length > 0 &&
    given.length <= MAX_RANK &&
    [...given].every((extent) => Number.isSafeInteger(extent) && extent > 0)
  );
}

/** By the first item of each level. */
function shapeOf(values: unknown): number[] | undefined {
  const extents: number[] = [];
  for (let level = values; isList(level); level = level[0]) extents.push(level.length);
  return isShape(extents) ? extents : undefined;
}

/** Fills `flat` from place `filled` on; the place behind, or NaN where something is no number or of another length. */
function fill(value: unknown, extents: readonly number[], flat: Float32Array, filled: number): number {
  const [extent, ...inner] = extents;
  if (extent === undefined) {
    flat[filled] = typeof value === 'number' ? value : Number.NaN;
    return filled + 1;
  }
  if (!isList(value) || value.length !== extent) return Number.NaN;
  let place = filled;
  for (let index = 0; index < extent; index++) place = fill(value[index], inner, flat, place);
  return place;
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || types.isTypedArray(value);
}
