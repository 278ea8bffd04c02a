/** The fixtures hold images as torch has them, channels first; Gradloom's are channels last. */
import { floatsOf, type GoldenTensor } from './fixtures.ts';

const FIRST_TO_LAST = [0, 2, 3, 1];
const LAST_TO_FIRST = [0, 3, 1, 2];

/** `[N, C, H, W]` to `[N, H, W, C]`. */
export function toChannelsLast(tensor: GoldenTensor): Float32Array {
  return permute(floatsOf(tensor), tensor.shape, FIRST_TO_LAST);
}

/** Back, for a tensor whose shape is `[N, C, H, W]` there. */
export function toChannelsFirst(data: Float32Array, shape: readonly number[]): Float32Array {
  const permuted = FIRST_TO_LAST.map((axis) => shape[axis] as number);
  return permute(data, permuted, LAST_TO_FIRST);
}

/** The shape of one sample, channels last, of images `[N, C, H, W]`. */
export function sampleShapeOf({ shape }: GoldenTensor): number[] {
  const [, channels = 0, height = 0, width = 0] = shape;
  return [height, width, channels];
}

/** Axis `i` of the result is axis `axes[i]` of the data. */
function permute(data: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, extent) => size * extent, 1));
  const extents = axes.map((axis) => shape[axis] as number);
  const steps = axes.map((axis) => strides[axis] as number);
  return Float32Array.from(data, (_, place) => {
    let rest = place;
    let source = 0;
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      const extent = extents[axis] as number;
      source += (rest % extent) * (steps[axis] as number);
      rest = Math.floor(rest / extent);
    }
    return data[source] as number;
  });
}

/** Rows of `[rows, columns.length]` with their columns in another order: column `k` of the result is `columns[k]`. */
export function reorderColumns(data: Float32Array, columns: ArrayLike<number>): Float32Array {
  return Float32Array.from(data, (_, place) => {
    const column = place % columns.length;
    return data[place - column + (columns[column] as number)] as number;
  });
}
