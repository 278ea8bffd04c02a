/**
 * Layers from their descriptions. A residual block is no layer of the native side but a list of layers, which a network
 * resolves; it is described by its layers, so what makes it and what makes a layer are one and stand in one file.
 */
import { type Factories, makeFrom } from '../../core/description.ts';
import { optional, type Rule, required } from '../../core/options.ts';
import type { Shape } from '../../core/shape.ts';
import * as layers from '../../layers/index.ts';
import { describeLayer, type Layer, type NamedOptions } from '../../layers/layer.ts';
import { mergingLayers } from '../../layers/merging.ts';

export interface ResidualOptions extends NamedOptions {
  /**
   * The other path, for a block whose output has another shape than its input: commonly a 1 x 1 convolution
   * with the block's strides. Default: none, the input itself.
   */
  readonly shortcut?: readonly Layer[];
}

/** A list of layers; an item that is none is an error of its own. */
function layerList(name: string): Rule<readonly Layer[]> {
  return {
    expected: 'a list of at least one layer',
    read: (given) => {
      if (!Array.isArray(given) || given.length === 0) return undefined;
      return Object.freeze(given.map((item, index) => makeLayer('residual', `${name}[${index}]`, item)));
    },
  };
}

const OPTIONS = { layers: required(layerList('layers')), shortcut: optional(layerList('shortcut')) };

/**
 * A residual block: the sum of what `layers` give and of the input, `y = layers(x) + x`, or of what the
 * `shortcut` gives, `y = layers(x) + shortcut(x)` (He et al. 2016). Put the activation behind it. In weights'
 * names the block's name comes first: `residual_1.conv2d_1.weight`.
 *
 * Without a shortcut the layers must give their input's shape, for instance by `padding: 'same'`; otherwise
 * making the model throws `SHAPE_MISMATCH`.
 *
 * @example
 * residual([conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
 *           conv2d({ filters: 16, kernelSize: 3, padding: 'same' })])
 */
export function residual(layers: readonly Layer[], options?: NamedOptions): Layer<'asInput'>;
export function residual(layers: readonly Layer[], options: ResidualOptions): Layer<Shape>;
/** @internal From a description. */
export function residual(description: ResidualOptions & { readonly layers: readonly Layer[] }): Layer;
export function residual(
  given: readonly Layer[] | (ResidualOptions & { readonly layers: readonly Layer[] }),
  options: ResidualOptions = {},
): Layer {
  return describeLayer('residual', isDescription(given) ? given : { ...options, layers: given }, OPTIONS);
}

function isDescription(given: unknown): given is ResidualOptions & { readonly layers: readonly Layer[] } {
  return typeof given === 'object' && given !== null && 'layers' in given;
}

/** By kind, in the order of their names, in which errors list them. */
export const LAYER_KINDS: Factories<Layer> = Object.fromEntries(
  Object.entries<Factories<Layer>[string]>({ ...layers, residual }).sort(([a], [b]) => (a < b ? -1 : 1)),
);

/** Makes a layer from its description; `name` says in errors where it stood, for instance `layers[2]`. */
export function makeLayer(operation: string, name: string, given: unknown): Layer {
  return makeFrom<Layer>(operation, name, given, LAYER_KINDS);
}

/** As `makeLayer`, of all kinds that a graph may have. */
export function makeGraphLayer(operation: string, name: string, given: unknown): Layer {
  return makeFrom<Layer>(operation, name, given, { ...LAYER_KINDS, ...mergingLayers });
}
