/** The layers of a fork: those that it takes, and new ones behind them. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, suggest } from '../../core/options.ts';
import type { Layer } from '../../layers/layer.ts';
import { makeLayer } from './make-layer.ts';
import { checkGivenValues, type NamedLayer, nameLayers } from './network.ts';

/** All layers, or those of these names. */
export type Freeze = boolean | readonly string[];

/**
 * Taken layers keep their names; a new one without a name gets the next count of its kind that is free. `make` reads the
 * taken ones.
 */
export function forkLayers(
  taken: readonly NamedLayer[],
  added: unknown,
  freeze: Freeze,
  make: (operation: string, name: string, given: unknown) => Layer = makeLayer,
): readonly NamedLayer[] {
  if (!Array.isArray(added)) {
    throw forkError(`the new layers must be a list of layers, got ${formatValue(added)}`);
  }
  checkFrozen(taken, freeze);
  const isFrozen = (name: string) => freeze === true || (freeze !== false && freeze.includes(name));
  const layers: Layer[] = taken.map((layer) => (isFrozen(layer.name) ? freezeLayer(layer) : layer));
  for (const [index, given] of added.entries()) {
    const layer = makeLayer('fork', `layers[${index}]`, given);
    layers.push(layer.name === undefined ? { ...layer, name: freeName(layer.kind, layers) } : layer);
  }
  checkGivenValues('fork', layers.slice(taken.length));
  return nameLayers('fork', layers, make);
}

function checkFrozen(taken: readonly NamedLayer[], freeze: Freeze): void {
  if (typeof freeze === 'boolean') return;
  const unknown = freeze.find((name) => taken.every((layer) => layer.name !== name));
  if (unknown === undefined) return;
  throw forkError(
    `freeze names no layer ${formatValue(unknown)} that the fork takes; ${suggest(unknown, namesOf(taken))}`,
  );
}

/** Layers without weights have no attribute `trainable`; blocks hold theirs. */
function freezeLayer<Frozen extends Layer>(layer: Frozen): Frozen {
  const blocks = BLOCK_PATHS.flatMap((path) => {
    const layers = layer[path] as readonly Layer[] | undefined;
    return layers === undefined ? [] : [[path, layers.map(freezeLayer)] as const];
  });
  const own = 'trainable' in layer ? { trainable: false } : {};
  return { ...layer, ...own, ...Object.fromEntries(blocks) };
}

const BLOCK_PATHS = ['layers', 'shortcut'];

function freeName(kind: string, layers: readonly Layer[]): string {
  const names = new Set(namesOf(layers));
  let count = layers.filter((layer) => layer.kind === kind).length + 1;
  while (names.has(`${kind}_${count}`)) count += 1;
  return `${kind}_${count}`;
}

export function namesOf(layers: readonly Layer[]): string[] {
  return layers.flatMap(({ name }) => name ?? []);
}

export function forkError(message: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `fork: ${message}`);
}
