import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { lacksGivenValues } from '../layers/given-values.ts';
import type { Layer } from '../layers/layer.ts';
import { makeLayer } from '../layers/make-layer.ts';

export type NamedLayer = Layer & { readonly name: string };

/** What a model is made of, as it is saved: plain data from which the native side builds it. */
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
    return Object.freeze({ ...layer, name: layer.name ?? `${layer.kind}_${count}` });
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

/**
 * The function that a network ends in: the last layer's activation, or that layer itself if it is an
 * activation.
 */
export function endingOf({ layers }: Network): string {
  const last = layers.at(-1) as NamedLayer;
  return typeof last.activation === 'string' ? last.activation : last.kind;
}
