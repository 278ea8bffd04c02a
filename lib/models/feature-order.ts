/**
 * Where PyTorch's tensors have another order. It holds maps as `[C, H, W]`, Gradloom as `[H, W, C]`: what reads a
 * flattened map, or holds one number for each of its values, has them in another order there.
 */
import { GradloomError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { LayerSpec } from '../native.ts';
import { ownerOf } from './load-weights.ts';

/** How PyTorch holds a parameter. */
export interface TorchLayout {
  readonly shape: Shape;
  /** By place of ours among the last `order.length` values, in row-major order: the place there. */
  readonly order: Uint32Array;
}

/** By name of a parameter, of those that PyTorch holds otherwise. */
export type TorchLayouts = ReadonlyMap<string, TorchLayout>;

interface Part {
  readonly name: string;
  readonly outputShape: Shape;
}

interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}

/**
 * How PyTorch has the features of a value: as Gradloom does but for the axes of maps, `'same'`; as a flattened map of
 * this shape; or in an order that cannot be followed from here on, `'lost'`, with the map that it began at.
 */
type Features = { readonly kind: 'same' } | { readonly kind: 'flattened' | 'lost'; readonly map: Shape };

interface Value {
  readonly shape: Shape;
  readonly features: Features;
  /** Whether PyTorch holds it channels first, as it does images; sequences of vectors it holds as Gradloom does. */
  readonly channelsFirst: boolean;
  /** Whether weights had a part in it. What had not stands in the order in which the caller gives it. */
  readonly learned: boolean;
}

const SAME: Features = { kind: 'same' };

/** Follows the features from each map to what consumes them; `layers` are those that the native side runs, in order. */
export function findTorchLayouts(
  operation: string,
  { inputShape, layers }: { readonly inputShape: Shape; readonly layers: readonly LayerSpec[] },
  parts: readonly Part[],
  parameters: readonly NamedShape[],
): TorchLayouts {
  const layouts = new Map<string, TorchLayout>();
  const values = new Map<string, Value>();
  const input: Value = {
    shape: inputShape,
    features: SAME,
    channelsFirst: inputShape.length === 3,
    learned: false,
  };
  let before = input;
  for (const { name, kind, inputs } of layers) {
    const read = inputs?.map((source) => values.get(source) ?? input) ?? [before];
    const [first = input] = read;
    const own = parameters.filter((parameter) => ownerOf(parameter.name) === name);
    const shape = parts.find((part) => part.name === name)?.outputShape ?? first.shape;
    const mixed = read.find(({ features }) => !sameFeatures(features, first.features));
    const lost =
      mixed ?? (own.length > 0 ? read.find(({ features }) => features.kind === 'lost') : undefined);
    if (lost !== undefined) throw lostError(operation, name, mapOf(lost, first));
    for (const parameter of own) {
      const layout = layoutOf(parameter, kind, first);
      if (layout !== undefined) layouts.set(parameter.name, layout);
    }
    before = {
      shape,
      features: featuresBehind(kind, first, shape),
      channelsFirst: isChannelsFirst(kind, first, shape),
      learned: own.length > 0 || read.some(({ learned }) => learned),
    };
    values.set(name, before);
  }
  return layouts;
}

/** Units of a dense layer are their own order; a layer that keeps the shape goes value by value. */
function featuresBehind(kind: string, before: Value, output: Shape): Features {
  const { shape, features, channelsFirst, learned } = before;
  if (kind === 'dense') return SAME;
  if (sameShape(shape, output)) return features;
  if (features.kind !== 'same') return sameShape(output, features.map) ? SAME : { ...features, kind: 'lost' };
  if (kind !== 'flatten' && kind !== 'reshape') return SAME;
  // Units that become an image are in PyTorch's order of its axes there, and in ours here.
  if (shape.length === 1) return learned && isImage(output) ? { kind: 'lost', map: output } : SAME;
  if (!channelsFirst || !hasTwoOrders(shape)) return SAME;
  // As long as the channels stay last, the positions are in row-major order in both.
  if (output.length > 1 && output.at(-1) === shape.at(-1)) return SAME;
  return { kind: output.length === 1 ? 'flattened' : 'lost', map: shape };
}

function isChannelsFirst(kind: string, { shape, channelsFirst }: Value, output: Shape): boolean {
  if (kind === 'conv2d') return true;
  return kind === 'reshape' && shape.length === 1 ? channelsFirst || isImage(output) : channelsFirst;
}

function layoutOf(
  { name, shape }: NamedShape,
  kind: string,
  { features, channelsFirst, ...input }: Value,
): TorchLayout | undefined {
  if (features.kind === 'flattened') {
    const reads = kind !== 'dense' || name.endsWith('.weight');
    return reads ? { shape, order: orderOf(features.map) } : undefined;
  }
  // One number for each value of a map, as layer norms over all axes have them.
  const isWhole = kind === 'layerNorm' && shape.length > 1 && sameShape(shape, input.shape);
  if (!isWhole || !channelsFirst) return undefined;
  const channels = shape.at(-1) as number;
  return { shape: [channels, ...shape.slice(0, -1)], order: orderOf(shape) };
}

function sameFeatures(a: Features, b: Features): boolean {
  return a.kind === 'same' ? b.kind === 'same' : b.kind === a.kind && sameShape(a.map, b.map);
}

function mapOf(...values: readonly Value[]): Shape {
  const [map = []] = values.flatMap(({ features }) => (features.kind === 'same' ? [] : [features.map]));
  return map;
}

function isImage(shape: Shape): boolean {
  return shape.length === 3 && hasTwoOrders(shape);
}

/** Whether channels first and channels last differ in a map's row-major order. */
function hasTwoOrders(map: Shape): boolean {
  const channels = map.at(-1) ?? 1;
  return map.length > 1 && channels > 1 && sizeOf(map) > channels;
}

function orderOf(map: Shape): Uint32Array {
  const channels = map.at(-1) as number;
  const positions = sizeOf(map) / channels;
  return Uint32Array.from(
    { length: positions * channels },
    (_, index) => (index % channels) * positions + Math.floor(index / channels),
  );
}

function lostError(operation: string, layer: string, map: Shape): GradloomError {
  return new GradloomError(
    'INVALID_OPTION',
    `${operation}: between layer "${layer}" and the map ${formatShape(map)} the order of features cannot be ` +
      'followed; put a dense layer right behind flatten, or set its weights by loadWeights',
  );
}

/** Values from PyTorch's order. */
export function fromTorchOrder(data: Float32Array, order: Uint32Array): Float32Array {
  const { length } = order;
  return Float32Array.from(data, (_, index) => {
    const place = index % length;
    return data[index - place + (order[place] as number)] as number;
  });
}
