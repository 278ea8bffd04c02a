import { GradloomError } from './errors.ts';

/** The extents of one sample, channels last and without the batch: `[4]`, `[28, 28, 1]`. */
export type Shape = readonly number[];

/** The shapes of the inputs of one sample, where it has several. */
export type NamedShapes = { readonly [name: string]: Shape };

/** Of a sample of one input, or of several. */
export type InputShape = Shape | NamedShapes;

/** The shape of a sample of one input. */
export type OneShape<Input extends InputShape> = Input extends Shape ? Input : Shape;

export function isNamed(shape: InputShape): shape is NamedShapes {
  return !Array.isArray(shape);
}

/** `[28, 28, 1]`, as errors and summaries print it; `{ user: [1], tags: [500] }` of several inputs. */
export function formatShape(shape: InputShape): string {
  if (!isNamed(shape)) return `[${shape.join(', ')}]`;
  const entries = Object.entries(shape).map(([name, each]) => `${name}: ${formatShape(each)}`);
  return `{ ${entries.join(', ')} }`;
}

/** Inputs may stand in any order. */
export function sameShape(a: InputShape, b: InputShape): boolean {
  if (isNamed(a) || isNamed(b)) {
    if (!isNamed(a) || !isNamed(b)) return false;
    const names = Object.keys(a);
    return (
      names.length === Object.keys(b).length &&
      names.every((name) => Object.hasOwn(b, name) && sameShape(a[name] as Shape, b[name] as Shape))
    );
  }
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** The number of values in a tensor of this shape; 1 for `[]`. */
export function sizeOf(shape: Shape): number {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (!Number.isSafeInteger(size)) {
    throw new GradloomError(
      'SHAPE_TOO_LARGE',
      `shape ${formatShape(shape)} has more values than can be addressed`,
    );
  }
  return size;
}
