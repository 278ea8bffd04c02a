/** Which module of a PyTorch state dict is which layer, and what its tensors are called here. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, suggest } from '../../core/options.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import { ownerOf } from './load-weights.ts';

/** Ours of PyTorch's names of a module's tensors, where they differ. */
const LEAVES: Readonly<Record<string, string>> = {
  running_mean: 'runningMean',
  running_var: 'runningVariance',
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
   * shapes; `'order'`: several have, whose layers lie one behind another, and the modules' names are equal but for numbers, which order them.
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

/** Our name of a tensor of PyTorch's. */
export function toLayerLeaf(leaf: string): string {
  return LEAVES[leaf] ?? leaf;
}

/** Groups by what stands before the last point, in the given order. */
export function groupByOwner<Item extends { readonly name: string }>(
  items: readonly Item[],
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(ownerOf(item.name), [...(groups.get(ownerOf(item.name)) ?? []), item]);
  return groups;
}

/**
 * Finds the layer of each module: by `map`, then by name, then by shapes where those leave no doubt. Where `map` gives a
 * block, what stands below the module's name finds its layers in the block, and nothing else does. Several of equal shapes
 * are matched in order only where `isChain` says that their layers have one.
 */
export function matchModules(
  operation: string,
  tensors: readonly NamedShape[],
  parameters: readonly NamedShape[],
  map: Readonly<Record<string, string>>,
  isChain: (layers: readonly string[]) => boolean = () => true,
): Matching {
  const modules = groupByOwner(tensors.filter(({ name }) => !isIgnored(name)));
  const layers = groupByOwner(parameters);
  checkMap(operation, map, [...modules.keys()], [...layers.keys()]);
  const said = Object.entries(map)
    .filter(([module]) => modules.has(module))
    .map(([module, layer]) => ({ module, layer, matchedBy: 'map' }) as const);
  const blocks = Object.entries(map).filter(([module]) => !modules.has(module));
  const scopeOf = (name: string, side: 0 | 1) =>
    blocks.filter((block) => isBelow(name, block[side])).sort((a, b) => b[side].length - a[side].length)[0];
  const free = <Item>(items: ReadonlyMap<string, Item>, side: 0 | 1, block: Block | undefined) =>
    new Map(
      [...items]
        .filter(([name]) => said.every((match) => match[side === 0 ? 'module' : 'layer'] !== name))
        .filter(([name]) => scopeOf(name, side) === block),
    );
  const found = [...blocks, undefined].map((block) =>
    matchScope(free(modules, 0, block), free(layers, 1, block), block, isChain),
  );
  return {
    modules: [...said, ...found.flatMap((matching) => matching.modules)],
    ambiguous: found.flatMap(({ ambiguous }) => ambiguous),
  };
}

/** A module and the block of layers that it is. */
type Block = readonly [module: string, layer: string];

function isBelow(name: string, above: string): boolean {
  return name.startsWith(`${above}.`);
}

/** Modules that only those layers may be; names are equal if they are so behind the block's. */
function matchScope(
  modules: ReadonlyMap<string, readonly NamedShape[]>,
  layers: ReadonlyMap<string, readonly NamedShape[]>,
  block: Block | undefined,
  isChain: (layers: readonly string[]) => boolean,
): Matching {
  const toLayerName = (module: string) =>
    block === undefined ? module : block[1] + module.slice(block[0].length);
  const named = [...modules.keys()]
    .filter((module) => layers.has(toLayerName(module)))
    .map((module) => ({ module, layer: toLayerName(module), matchedBy: 'name' }) as const);
  const rest = (items: ReadonlyMap<string, readonly NamedShape[]>, taken: readonly string[]) =>
    [...items]
      .filter(([name]) => !taken.includes(name))
      .map(([name, own]) => ({ name, shapes: shapesOf(own) }));
  const shaped = matchShapes(
    rest(
      modules,
      named.map(({ module }) => module),
    ),
    rest(
      layers,
      named.map(({ layer }) => layer),
    ),
    isChain,
  );
  return { modules: [...named, ...shaped.modules], ambiguous: shaped.ambiguous };
}

function checkMap(
  operation: string,
  map: Readonly<Record<string, string>>,
  modules: readonly string[],
  layers: readonly string[],
): void {
  const fail = (text: string) => new GradloomError('INVALID_OPTION', `${operation}: map ${text}`);
  const check = (what: string, name: string, known: readonly string[]) => {
    if (known.includes(name) || known.some((other) => isBelow(other, name))) return;
    throw fail(`has ${formatValue(name)}, which is no ${what}; ${suggest(name, known)}`);
  };
  const taken = new Map<string, string>();
  for (const [module, layer] of Object.entries(map)) {
    check('module of the file', module, modules);
    check('layer with weights', layer, layers);
    if (modules.includes(module) !== layers.includes(layer)) {
      const [one, other] = modules.includes(module) ? ['a module', 'a block'] : ['modules', 'a layer'];
      throw fail(
        `gives ${formatValue(module)}, ${one} with weights, to ${formatValue(layer)}, ${other}; give layers to modules and blocks to what modules stand below`,
      );
    }
    const twin = taken.get(layer);
    if (twin !== undefined) {
      throw fail(`gives ${formatValue(layer)} to both ${formatValue(twin)} and ${formatValue(module)}`);
    }
    taken.set(layer, module);
  }
}

/** All that shapes say of a module or a layer: `bias [8], weight [8, 3, 3, 3]`. */
function shapesOf(tensors: readonly NamedShape[]): string {
  return tensors
    .map(({ name, shape }) => `${toLayerLeaf(leafOf(name))} ${formatShape(shape)}`)
    .sort()
    .join(', ');
}

interface Shapes {
  readonly name: string;
  readonly shapes: string;
}

function matchShapes(
  modules: readonly Shapes[],
  layers: readonly Shapes[],
  isChain: (layers: readonly string[]) => boolean,
): Matching {
  const found: ModuleMatch[] = [];
  const ambiguous: string[] = [];
  for (const shapes of new Set(layers.map((layer) => layer.shapes))) {
    const some = modules.filter((module) => module.shapes === shapes).map(({ name }) => name);
    const targets = layers.filter((layer) => layer.shapes === shapes).map(({ name }) => name);
    if (some.length === 0) continue;
    const ordered = some.length === targets.length && isChain(targets) ? inOrder(some) : undefined;
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
 * Names that are equal but for their numbers, by those from the first on: so `torch.nn.Sequential` names its modules, also
 * one in another. Files have them in alphabetical order, which is not the model's.
 */
function inOrder(names: readonly string[]): readonly string[] | undefined {
  const split = (name: string) => name.split(/(\d+)/);
  const texts = (name: string) =>
    split(name)
      .map((part, place) => (isNumber(place) ? '' : part))
      .join('#');
  const [first = ''] = names;
  if (names.some((name) => texts(name) !== texts(first))) return undefined;
  const numbers = (name: string) =>
    split(name)
      .filter((_, place) => isNumber(place))
      .map(Number);
  return [...names].sort((a, b) => compareInOrder(numbers(a), numbers(b)));
}

/** Of a name's parts: texts and numbers take turns. */
const isNumber = (place: number) => place % 2 === 1;

function compareInOrder(a: readonly number[], b: readonly number[]): number {
  const place = a.findIndex((value, index) => value !== b[index]);
  return place < 0 ? 0 : (a[place] as number) - (b[place] as number);
}
