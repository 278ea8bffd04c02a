/**
 * The order of features behind a flattened map. PyTorch flattens `[C, H, W]`, Gradloom `[H, W, C]`: what reads those
 * features, or holds one number for each, has them in another order there.
 */
import { GradloomError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { Network } from './network.ts';

/** By name of a parameter: the place in PyTorch's last axis of each value of ours. */
export type FeatureOrders = ReadonlyMap<string, Uint32Array>;

interface Part {
  readonly name: string;
  readonly outputShape: Shape;
}

/** Follows the features from each flatten to what consumes them. */
export function findFeatureOrders(
  operation: string,
  { inputShape, layers }: Network,
  parts: readonly Part[],
  parameters: readonly string[],
): FeatureOrders {
  const orders = new Map<string, Uint32Array>();
  let shape = inputShape;
  /** What was flattened, while its order lasts. */
  let map: Shape | undefined;
  let follows = true;
  for (const layer of layers) {
    const output = parts.find(({ name }) => name === layer.name)?.outputShape;
    const own = parameters.filter((name) => name.startsWith(`${layer.name}.`));
    if (map !== undefined) {
      // Units of a dense layer are their own order; a layer that keeps the shape goes value by value.
      const mixes = layer.kind === 'dense';
      if (own.length > 0 && (!follows || 'layers' in layer)) throw lostError(operation, layer.name, map);
      for (const name of own) {
        if (!mixes || name === `${layer.name}.weight`) orders.set(name, orderOf(map));
      }
      if (mixes || (output !== undefined && sameShape(output, map))) {
        map = undefined;
        follows = true;
      } else if (output === undefined || !sameShape(output, shape)) follows = false;
    } else if (output !== undefined && flattens(shape, output)) map = shape;
    shape = output ?? shape;
  }
  return orders;
}

/** Whether a map becomes a vector whose order differs. */
function flattens(shape: Shape, output: Shape): boolean {
  const [height = 1, width = 1, channels = 1] = shape;
  const isFlat = shape.length === 3 && output.length === 1 && output[0] === sizeOf(shape);
  return isFlat && channels > 1 && height * width > 1;
}

function orderOf(map: Shape): Uint32Array {
  const [height = 1, width = 1, channels = 1] = map;
  const pixels = height * width;
  return Uint32Array.from(
    { length: pixels * channels },
    (_, index) => (index % channels) * pixels + Math.floor(index / channels),
  );
}

function lostError(operation: string, layer: string, map: Shape): GradloomError {
  return new GradloomError(
    'INVALID_OPTION',
    `${operation}: between layer "${layer}" and the flattened map ${formatShape(map)} the order of features cannot be ` +
      'followed; put a dense layer right behind flatten, or set its weights by loadWeights',
  );
}

/** Values of `[..., n]` from PyTorch's order of the last axis. */
export function fromTorchOrder(data: Float32Array, order: Uint32Array): Float32Array {
  const { length } = order;
  return Float32Array.from(data, (_, index) => {
    const place = index % length;
    return data[index - place + (order[place] as number)] as number;
  });
}

/** Values of `[..., n]` in PyTorch's order of the last axis. */
export function toTorchOrder(data: Float32Array, order: Uint32Array): Float32Array<ArrayBuffer> {
  const result = new Float32Array(data.length);
  for (let index = 0; index < data.length; index++) {
    const place = index % order.length;
    result[index - place + (order[place] as number)] = data[index] as number;
  }
  return result;
}
