/** Which module of a PyTorch state dict is which layer, and what its tensors are called here. */
import { GradloomError } from '../core/errors.ts';
import { formatValue, suggest } from '../core/options.ts';
import { formatShape, type Shape } from '../core/shape.ts';
import { ownerOf } from './load-weights.ts';

/** PyTorch's names of a module's tensors and those of ours that they may be, of which a layer has one. */
const LEAVES: Readonly<Record<string, readonly string[]>> = {
  weight: ['weight', 'scale'],
  bias: ['bias', 'shift'],
  running_mean: ['runningMean'],
  running_var: ['runningVariance'],
};

/** A count of training steps, which batch norm reads only without a momentum. */
const IGNORED = ['num_batches_tracked'];

interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}

/** How a module found its layer. */
export interface ModuleMatch {
  /** `''` for tensors without a module. */
  readonly module: string;
  readonly layer: string;
  /**
   * `'map'`: the option says so; `'name'`: the same name; `'shape'`: no other module or layer has tensors of these
   * shapes; `'order'`: several have, and the modules' names are equal but for one number, which orders them.
   */
  readonly matchedBy: 'map' | 'name' | 'shape' | 'order';
}

export interface Matching {
  readonly modules: readonly ModuleMatch[];
  /** Sentences about modules and layers of equal shapes that nothing tells apart. */
  readonly ambiguous: readonly string[];
}

/** The name behind the last point: `weight`. */
export function leafOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

export function isIgnored(tensor: string): boolean {
  return IGNORED.includes(leafOf(tensor));
}

/** Our name of a module's tensor, in a layer of these parameters; PyTorch's own if there is none. */
export function toLayerLeaf(leaf: string, parameters: ReadonlySet<string>): string {
  return LEAVES[leaf]?.find((candidate) => parameters.has(candidate)) ?? leaf;
}

/** PyTorch's name of a layer's parameter. */
export function toTorchLeaf(leaf: string): string {
  return Object.keys(LEAVES).find((torch) => LEAVES[torch]?.includes(leaf)) ?? leaf;
}

/** Groups by what stands before the last point, in the given order. */
export function groupByOwner<Item extends { readonly name: string }>(
  items: readonly Item[],
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(ownerOf(item.name), [...(groups.get(ownerOf(item.name)) ?? []), item]);
  return groups;
}

/** Finds the layer of each module: by `map`, then by name, then by shapes where those leave no doubt. */
export function matchModules(
  operation: string,
  tensors: readonly NamedShape[],
  parameters: readonly NamedShape[],
  map: Readonly<Record<string, string>>,
): Matching {
  const modules = groupByOwner(tensors.filter(({ name }) => !isIgnored(name)));
  const layers = groupByOwner(parameters);
  checkMap(operation, map, [...modules.keys()], [...layers.keys()]);
  const said = Object.entries(map).map(([module, layer]) => ({ module, layer, matchedBy: 'map' }) as const);
  const free = (matches: readonly ModuleMatch[]) => ({
    modules: [...modules.keys()].filter((name) => matches.every(({ module }) => module !== name)),
    layers: [...layers.keys()].filter((name) => matches.every(({ layer }) => layer !== name)),
  });
  const { modules: unsaid, layers: open } = free(said);
  const named = unsaid
    .filter((name) => open.includes(name))
    .map((name) => ({ module: name, layer: name, matchedBy: 'name' }) as const);
  const left = free([...said, ...named]);
  const shaped = matchShapes(
    left.modules.map((name) => ({ name, shapes: shapesOf(modules.get(name) ?? []) })),
    left.layers.map((name) => ({ name, shapes: shapesOf(layers.get(name) ?? []) })),
  );
  return { modules: [...said, ...named, ...shaped.modules], ambiguous: shaped.ambiguous };
}

function checkMap(
  operation: string,
  map: Readonly<Record<string, string>>,
  modules: readonly string[],
  layers: readonly string[],
): void {
  const check = (what: string, name: string, known: readonly string[]) => {
    if (known.includes(name)) return;
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: map has ${formatValue(name)}, which is no ${what}; ${suggest(name, known)}`,
    );
  };
  const taken = new Map<string, string>();
  for (const [module, layer] of Object.entries(map)) {
    check('module of the file', module, modules);
    check('layer with weights', layer, layers);
    const other = taken.get(layer);
    if (other !== undefined) {
      throw new GradloomError(
        'INVALID_OPTION',
        `${operation}: map gives layer ${formatValue(layer)} to both ${formatValue(other)} and ${formatValue(module)}`,
      );
    }
    taken.set(layer, module);
  }
}

/** All that shapes say of a module or a layer: `bias [8], weight [8, 3, 3, 3]`. */
function shapesOf(tensors: readonly NamedShape[]): string {
  return tensors
    .map(({ name, shape }) => `${toTorchLeaf(leafOf(name))} ${formatShape(shape)}`)
    .sort()
    .join(', ');
}

interface Shapes {
  readonly name: string;
  readonly shapes: string;
}

function matchShapes(modules: readonly Shapes[], layers: readonly Shapes[]): Matching {
  const found: ModuleMatch[] = [];
  const ambiguous: string[] = [];
  for (const shapes of new Set(layers.map((layer) => layer.shapes))) {
    const some = modules.filter((module) => module.shapes === shapes).map(({ name }) => name);
    const targets = layers.filter((layer) => layer.shapes === shapes).map(({ name }) => name);
    if (some.length === 0) continue;
    const ordered = some.length === targets.length ? inOrder(some) : undefined;
    if (ordered === undefined) {
      ambiguous.push(
        `ambiguous: ${some.join(', ')} and ${targets.join(', ')} all have ${shapes}; say with map which is which`,
      );
      continue;
    }
    const matchedBy = targets.length === 1 ? 'shape' : 'order';
    for (const [place, layer] of targets.entries()) {
      found.push({ module: ordered[place] as string, layer, matchedBy });
    }
  }
  return { modules: found, ambiguous };
}

/**
 * Names that are equal but for one number, by that number: so `torch.nn.Sequential` names its modules. Files have them
 * in alphabetical order, which is not the model's.
 */
function inOrder(names: readonly string[]): readonly string[] | undefined {
  const [first = ''] = names;
  if (names.length === 1) return names;
  const split = (name: string) => name.split(/(\d+)/);
  const parts = split(first);
  const differing = parts.findIndex((part, place) => names.some((name) => split(name)[place] !== part));
  const alike = names.every((name) => {
    const other = split(name);
    return other.length === parts.length && other.every((part, at) => at === differing || part === parts[at]);
  });
  // Numbers stand at odd places.
  if (!alike || differing % 2 === 0) return undefined;
  const numberOf = (name: string) => Number(split(name)[differing]);
  return [...names].sort((a, b) => numberOf(a) - numberOf(b));
}
