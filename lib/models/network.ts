import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { lacksGivenValues } from '../layers/given-values.ts';
import type { Layer } from '../layers/layer.ts';
import { makeLayer } from '../layers/make-layer.ts';
import type { LayerSpec } from '../native.ts';

export type NamedLayer = Layer & { readonly name: string };

/** What a model is made of, as it is saved: plain data. */
export interface Network {
  readonly inputShape: Shape;
  readonly layers: readonly NamedLayer[];
}

/** Checks a list of layers and names those that have no name: the second dense layer is `dense_2`. */
export function nameLayers(operation: string, given: unknown): readonly NamedLayer[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: layers must be a list of at least one layer, got ${formatValue(given)}`,
    );
  }
  const counts = new Map<string, number>();
  const layers = given.map((item: unknown, index) => {
    const layer = makeLayer(operation, `layers[${index}]`, item);
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
 * block's input, and to the sum of the paths. A block's name stands before its layers' names.
 */
export function toLayerSpecs(network: Network): LayerSpec[] {
  const specs: LayerSpec[] = [];
  const append = (layers: readonly NamedLayer[], prefix: string, input: string): string =>
    layers.reduce((before, layer) => {
      const name = prefix + layer.name;
      const paths = pathsOf(layer);
      if (paths === undefined) {
        specs.push({ ...layer, name, inputs: [before] });
      } else {
        const inner = append(paths.layers, `${name}.`, before);
        const outer = append(paths.shortcut ?? [], `${name}.`, before);
        specs.push({ kind: 'add', name, inputs: [inner, outer] });
      }
      return name;
    }, input);
  append(network.layers, '', INPUT);
  return specs;
}

/**
 * The function that a network ends in: the last layer's activation, or that layer itself if it is an
 * activation.
 */
export function endingOf({ layers }: Network): string {
  const last = layers.at(-1) as NamedLayer;
  return typeof last.activation === 'string' ? last.activation : last.kind;
}
