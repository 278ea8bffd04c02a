/**
 * Where PyTorch's tensors have another order. It holds maps as `[C, H, W]`, Gradloom as `[H, W, C]`: what reads a
 * flattened map, or holds one number for each of its values, has them in another order there.
 */
import { GradloomError } from '../../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../../core/shape.ts';
import type { LayerSpec } from '../../native/index.ts';
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
 * How PyTorch has the features of a value: as Gradloom does but for the axes of maps, `'same'`; as flattened maps of these
 * shapes side by side, among which vectors are maps of one axis; or in an order that cannot be followed from here on,
 * `'lost'`, with the maps that it began at.
 */
type Features =
  | { readonly kind: 'same' }
  | { readonly kind: 'flattened' | 'lost'; readonly maps: readonly Shape[] };

interface Value {
  readonly shape: Shape;
  readonly features: Features;
  /** Whether PyTorch holds it channels first, as it does images; sequences of vectors it holds as Gradloom does. */
  readonly channelsFirst: boolean;
  /** Whether weights had a part in it. What had not stands in the order in which the caller gives it. */
  readonly learned: boolean;
}

const SAME: Features = { kind: 'same' };

/**
 * Follows the features from each map to what consumes them; `layers` are those that the native side runs, in order, and
 * `inputs` the shapes of what they may read before, by name.
 */
export function findTorchLayouts(
  operation: string,
  { inputs, layers }: { readonly inputs: ReadonlyMap<string, Shape>; readonly layers: readonly LayerSpec[] },
  parts: readonly Part[],
  parameters: readonly NamedShape[],
): TorchLayouts {
  const layouts = new Map<string, TorchLayout | undefined>();
  const values = new Map<string, Value>();
  for (const [name, shape] of inputs) {
    values.set(name, { shape, features: SAME, channelsFirst: shape.length === 3, learned: false });
  }
  let before = [...values.values()].at(-1) as Value;
  for (const { name, kind, inputs: sources, shares: owner = name } of layers) {
    const read = sources?.map((source) => values.get(source) as Value) ?? [before];
    const [first = before] = read;
    const own = parameters.filter((parameter) => ownerOf(parameter.name) === owner);
    const shape = parts.find((part) => part.name === name)?.outputShape ?? first.shape;
    const joined = kind === 'concat' && shape.length === 1 ? joinFeatures(read) : undefined;
    const mixed = joined ? undefined : read.find(({ features }) => !sameFeatures(features, first.features));
    const lost =
      mixed ?? (own.length > 0 ? read.find(({ features }) => features.kind === 'lost') : undefined);
    if (lost !== undefined) throw lostError(operation, name, mapOf(lost, first));
    for (const parameter of own) {
      const layout = layoutOf(parameter, kind, first);
      if (owner !== name && !sameLayout(layout, layouts.get(parameter.name))) {
        throw new GradloomError(
          'INVALID_OPTION',
          `${operation}: layer "${owner}" is used for features in two orders, of which its weights can follow one; set them by loadWeights`,
        );
      }
      layouts.set(parameter.name, layout);
    }
    before = {
      shape,
      features: joined ?? featuresBehind(kind, first, shape),
      channelsFirst: isChannelsFirst(kind, first, shape),
      learned: own.length > 0 || read.some(({ learned }) => learned),
    };
    values.set(name, before);
  }
  return new Map([...layouts].flatMap(([name, layout]) => (layout === undefined ? [] : [[name, layout]])));
}

function sameLayout(a: TorchLayout | undefined, b: TorchLayout | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return sameShape(a.shape, b.shape) && a.order.every((place, index) => place === b.order[index]);
}

/** Of vectors side by side. */
function joinFeatures(values: readonly Value[]): Features {
  if (values.every(({ features }) => features.kind === 'same')) return SAME;
  const maps = values.flatMap(({ shape, features }) => (features.kind === 'same' ? [shape] : features.maps));
  return { kind: values.some(({ features }) => features.kind === 'lost') ? 'lost' : 'flattened', maps };
}

/** What sums over all of its features, whatever their order is. */
const SUMS = ['dot', 'inBatchNegatives'];

/** Units of a dense layer are their own order; a layer that keeps the shape goes value by value. */
function featuresBehind(kind: string, before: Value, output: Shape): Features {
  const { shape, features, channelsFirst, learned } = before;
  if (kind === 'dense' || (SUMS.includes(kind) && features.kind !== 'lost')) return SAME;
  if (sameShape(shape, output)) return features;
  if (features.kind !== 'same') {
    const [map, ...more] = features.maps;
    return more.length === 0 && sameShape(output, map as Shape) ? SAME : { ...features, kind: 'lost' };
  }
  if (kind !== 'flatten' && kind !== 'reshape') return SAME;
  // Units that become an image are in PyTorch's order of its axes there, and in ours here.
  if (shape.length === 1) return learned && isImage(output) ? { kind: 'lost', maps: [output] } : SAME;
  if (!channelsFirst || !hasTwoOrders(shape)) return SAME;
  // As long as the channels stay last, the positions are in row-major order in both.
  if (output.length > 1 && output.at(-1) === shape.at(-1)) return SAME;
  return { kind: output.length === 1 ? 'flattened' : 'lost', maps: [shape] };
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
    return reads ? { shape, order: orderOf(features.maps) } : undefined;
  }
  // One number for each value of a map, as layer norms over all axes have them.
  const isWhole = kind === 'layerNorm' && shape.length > 1 && sameShape(shape, input.shape);
  if (!isWhole || !channelsFirst) return undefined;
  const channels = shape.at(-1) as number;
  return { shape: [channels, ...shape.slice(0, -1)], order: orderOf([shape]) };
}

function sameFeatures(a: Features, b: Features): boolean {
  if (a.kind === 'same' || b.kind === 'same') return a.kind === b.kind;
  return b.kind === a.kind && formatMaps(a.maps) === formatMaps(b.maps);
}

/** Of the first value that comes of a map. */
function mapOf(...values: readonly Value[]): string {
  const [maps = []] = values.flatMap(({ features }) => (features.kind === 'same' ? [] : [features.maps]));
  return formatMaps(maps.filter((map) => maps.length === 1 || map.length > 1));
}

function formatMaps(maps: readonly Shape[]): string {
  return maps.map(formatShape).join(' and ');
}

function isImage(shape: Shape): boolean {
  return shape.length === 3 && hasTwoOrders(shape);
}

/** Whether channels first and channels last differ in a map's row-major order. */
function hasTwoOrders(map: Shape): boolean {
  const channels = map.at(-1) ?? 1;
  return map.length > 1 && channels > 1 && sizeOf(map) > channels;
}

function orderOf(maps: readonly Shape[]): Uint32Array {
  const order = new Uint32Array(maps.reduce((total, map) => total + sizeOf(map), 0));
  let first = 0;
  for (const map of maps) {
    const size = sizeOf(map);
    const channels = map.at(-1) as number;
    const positions = size / channels;
    for (let index = 0; index < size; index++) {
      order[first + index] = first + (index % channels) * positions + Math.floor(index / channels);
    }
    first += size;
  }
  return order;
}

function lostError(operation: string, layer: string, map: string): GradloomError {
  return new GradloomError(
    'INVALID_OPTION',
    `${operation}: between layer "${layer}" and the map ${map} the order of features cannot be ` +
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
