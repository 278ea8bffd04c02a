import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import type { InputShape, Shape } from '../../core/shape.ts';
import { INPUT_ACTIVATIONS } from '../../layers/activation.ts';
import { lacksGivenValues } from '../../layers/given-values.ts';
import type { Layer } from '../../layers/layer.ts';
import type { LayerSpec } from '../../native/index.ts';
import { makeLayer } from './make-layer.ts';

export type NamedLayer = Layer & { readonly name: string };

/** What a model is made of, as it is saved: plain data. */
export type Network = SequentialNetwork | GraphNetwork;

export interface SequentialNetwork {
  readonly inputShape: Shape;
  readonly layers: readonly NamedLayer[];
  readonly inputs?: undefined;
  readonly nodes?: undefined;
  readonly heads?: undefined;
}

export interface GraphNetwork {
  readonly inputs: readonly { readonly name: string; readonly shape: Shape }[];
  readonly layers: readonly NamedLayer[];
  /** In the order in which they run; the last one gives the output. */
  readonly nodes: readonly GraphNodeRecord[];
  /** What the nodes give that users know by name, in the order in which the last node has them side by side. */
  readonly heads?: readonly HeadRecord[] | undefined;
}

/** A head is what a layer gives where it is used for the `use`th time. */
export interface HeadRecord {
  readonly name: string;
  readonly layer: string;
  readonly use: number;
}

/** A layer applied to what inputs (`@user`) or nodes before it give. Its own name is the layer's; `dense_1:2` at the second use. */
export interface GraphNodeRecord {
  readonly layer: string;
  readonly inputs: readonly string[];
}

/** The shape of a sample, or of its inputs by name. */
export function inputShapeOf(network: Network): InputShape {
  if (network.nodes === undefined) return network.inputShape;
  return Object.freeze(Object.fromEntries(network.inputs.map(({ name, shape }) => [name, shape])));
}

/** In order; none of a network of one input without a name. */
export function inputNamesOf(network: Network): readonly string[] {
  return network.nodes === undefined ? [] : network.inputs.map(({ name }) => name);
}

/** The shapes of what the first layers read, by the names that `toLayerSpecs` gives it. */
export function sourcesOf(network: Network): ReadonlyMap<string, Shape> {
  if (network.nodes === undefined) return new Map([[INPUT, network.inputShape]]);
  return new Map(network.inputs.map(({ name, shape }) => [`@${name}`, shape]));
}

/** Checks a list of layers and names those that have no name: the second dense layer is `dense_2`. */
export function nameLayers(
  operation: string,
  given: unknown,
  make: (operation: string, name: string, given: unknown) => Layer = makeLayer,
): readonly NamedLayer[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: layers must be a list of at least one layer, got ${formatValue(given)}`,
    );
  }
  const counts = new Map<string, number>();
  // `map` would leave holes as they are.
  const layers = Array.from(given, (item: unknown, index) => {
    const layer = make(operation, `layers[${index}]`, item);
    const count = (counts.get(layer.kind) ?? 0) + 1;
    counts.set(layer.kind, count);
    const name = layer.name ?? `${layer.kind}_${count}`;
    const paths = pathsOf(layer);
    if (paths === undefined) return Object.freeze({ ...layer, name });
    return Object.freeze({
      ...layer,
      name,
      ...nameBlock(`${operation}: ${layer.kind} "${name}"`, paths),
    });
  });
  checkUnique(operation, layers);
  return Object.freeze(layers);
}

/** Refuses layers whose given initial values are not with their descriptions; in a file, the weights stand for them. */
export function checkGivenValues(operation: string, layers: readonly Layer[]): void {
  const place = layers.findIndex((layer) => lacksGivenValues(layer));
  if (place < 0) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: layers[${place}] has a given initializer without its values, which no copy or text of a description keeps; describe the layer anew with { kind: "given", values }`,
  );
}

function checkUnique(operation: string, layers: readonly NamedLayer[]): void {
  const places = new Map<string, number>();
  for (const [index, { name }] of layers.entries()) {
    const first = places.get(name);
    if (first !== undefined) {
      throw new GradloomError(
        'INVALID_OPTION',
        `${operation}: layers[${first}] and layers[${index}] are both named "${name}"; give one of them another name`,
      );
    }
    places.set(name, index);
  }
}

/** The network's own input among the names that a layer may read; no layer can be called so. */
const INPUT = '@input';

interface Paths<Item extends Layer = Layer> {
  readonly layers: readonly Item[];
  readonly shortcut?: readonly Item[] | undefined;
}

/** The paths of a residual block; undefined for a layer that is none. */
function pathsOf<Item extends Layer>(layer: Item): Paths<Item> | undefined {
  return layer.kind === 'residual' ? (layer as unknown as Paths<Item>) : undefined;
}

/** Names are unique within a block, both paths together. */
function nameBlock(operation: string, { layers, shortcut = [] }: Paths): Paths<NamedLayer> {
  const named = nameLayers(operation, [...layers, ...shortcut]);
  const block = { layers: Object.freeze(named.slice(0, layers.length)) };
  return shortcut.length === 0 ? block : { ...block, shortcut: Object.freeze(named.slice(layers.length)) };
}

/**
 * The layers as the native side takes them: blocks give way to their layers, each path's first one reading the
 * block's input, and to the sum of the paths. A block's name stands before its layers' names. An activation that is a
 * layer there stands behind the layer that names it, as `dense_1.gelu`. What is used again shares the weights of its
 * first use.
 */
export function toLayerSpecs(network: Network): LayerSpec[] {
  const specs: LayerSpec[] = [];
  if (network.nodes === undefined) {
    network.layers.reduce(
      (before, layer) => appendLayer(specs, layer, { name: layer.name, inputs: [before], owner: undefined }),
      INPUT,
    );
    return specs;
  }
  const layers = new Map(network.layers.map((layer) => [layer.name, layer]));
  const uses = new Map<string, number>();
  const outputs = new Map<string, string>();
  for (const { layer: owner, inputs: nodes } of network.nodes) {
    const use = (uses.get(owner) ?? 0) + 1;
    uses.set(owner, use);
    const place = use === 1 ? { name: owner, owner: undefined } : { name: nameOfUse(owner, use), owner };
    const inputs = nodes.map((node) => outputs.get(node) ?? node);
    outputs.set(place.name, appendLayer(specs, layers.get(owner) as NamedLayer, { ...place, inputs }));
  }
  return specs;
}

/** The name of a layer where it is used again. */
export function nameOfUse(layer: string, use: number): string {
  return use === 1 ? layer : `${layer}:${use}`;
}

interface Place {
  readonly name: string;
  readonly inputs: readonly string[];
  /** Whose weights it shares. */
  readonly owner: string | undefined;
}

/** Gives the name of what a layer gives. */
function appendLayer(specs: LayerSpec[], layer: NamedLayer, { name, inputs, owner }: Place): string {
  const paths = pathsOf(layer);
  if (paths === undefined) {
    const spec = { ...layer, name, inputs, ...(owner === undefined ? {} : { shares: owner }) };
    const activation = INPUT_ACTIVATIONS.get(layer.activation);
    if (activation === undefined) {
      specs.push(spec);
      return name;
    }
    const activated = `${name}.${activation.kind}`;
    specs.push({ ...spec, activation: 'linear' }, { ...activation, name: activated, inputs: [name] });
    return activated;
  }
  const appendPath = (layers: readonly NamedLayer[]): string =>
    layers.reduce(
      (before, inner) =>
        appendLayer(specs, inner, {
          name: `${name}.${inner.name}`,
          inputs: [before],
          owner: owner && `${owner}.${inner.name}`,
        }),
      inputs[0] as string,
    );
  specs.push({ kind: 'add', name, inputs: [appendPath(paths.layers), appendPath(paths.shortcut ?? [])] });
  return name;
}

/**
 * The function that a network ends in: the last layer's activation, or that layer itself if it is an
 * activation. Or of a head, the one that ends in the layer `end`.
 */
export function endingOf({ layers, nodes }: Network, end = nodes?.at(-1)?.layer): string {
  const last = (end === undefined ? layers.at(-1) : layers.find(({ name }) => name === end)) as NamedLayer;
  return typeof last.activation === 'string' ? last.activation : last.kind;
}
