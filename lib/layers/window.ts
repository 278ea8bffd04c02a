/** The options that convolutions and pooling share: how a window moves over a map. */
import { integer, oneOf, type Rule } from '../core/options.ts';

/** One number for both axes, or `[vertical, horizontal]`. */
export type Pair = number | readonly [vertical: number, horizontal: number];

/**
 * Rows and columns added around a map. `'valid'`: none. `'same'`: as many as make the output `ceil(input /
 * stride)`, the odd one at the end (ONNX's SAME_UPPER). Or counts: for all sides, as `[vertical,
 * horizontal]`, or for each side.
 */
export type Padding =
  | 'valid'
  | 'same'
  | Pair
  | readonly [top: number, bottom: number, left: number, right: number]
  | { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number };

type Sides = readonly [top: number, bottom: number, left: number, right: number];

const SIDES =
  'an integer of at least 0, [vertical, horizontal], [top, bottom, left, right] or { top, bottom, left, right }';

const named = oneOf('valid', 'same');
const count = integer(0, 2 ** 31 - 1);

export const padding: Rule<'valid' | 'same' | Sides> = {
  expected: `"valid", "same", ${SIDES}`,
  read: (given) => named.read(given) ?? readSides(given),
};

/** Counts alone. */
export const sides: Rule<Sides> = {
  expected: SIDES,
  read: (given) => readSides(given),
};

function readSides(given: unknown): Sides | undefined {
  const sides = sidesOf(given).map((side) => count.read(side));
  return sides.every((side) => side !== undefined) ? (Object.freeze(sides) as Sides) : undefined;
}

/** The four sides, unchecked. */
function sidesOf(given: unknown): readonly unknown[] {
  if (Array.isArray(given)) {
    const [first, second] = given;
    if (given.length === 2) return [first, first, second, second];
    return given.length === 4 ? given : [undefined];
  }
  if (typeof given === 'object' && given !== null) {
    const { top, bottom, left, right, ...rest } = given as Readonly<Record<string, unknown>>;
    return Object.keys(rest).length === 0 ? [top, bottom, left, right] : [undefined];
  }
  return [given, given, given, given];
}
