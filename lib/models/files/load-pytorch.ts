/** PyTorch's state dicts as weights of a model. */
import { guardedBy, readOptions, readValue, text, withDefault } from '../../core/options.ts';
import type { LayerSpec, NativeParameterInfo } from '../../native/index.ts';
import type { ModelState } from '../model-state.ts';
import { sourcesOf, toLayerSpecs } from '../network/network.ts';
import { findTorchLayouts, fromTorchOrder, type TorchLayouts } from './feature-order.ts';
import {
  checkAllFit,
  LOAD_WEIGHTS_OPTIONS,
  type LoadReport,
  type NameFilter,
  ownerOf,
  readTensors,
  type Selection,
  selectWeights,
  type Tensors,
} from './load-weights.ts';
import { isIgnored, leafOf, type ModuleMatch, matchModules, toLayerLeaf } from './pytorch-modules.ts';

export interface LoadPyTorchOptions {
  /**
   * The layer of a module, by names: `{ 'features.0': 'conv2d_1' }`, or the residual block of what stands below a name,
   * `{ 'layer1.0': 'residual_1' }`. Modules that it does not name find theirs by an equal name, or by shapes where those
   * leave no doubt, those below a named block among its layers. Of a graph, the order of numbers in names tells equal modules
   * apart only where their layers lie one behind another. Default: none.
   */
  readonly map?: Readonly<Record<string, string>>;
  /** Which of the model's weights take part, as in `loadWeights`. Default: all. */
  readonly match?: NameFilter;
  /** Whether all that takes part must fit, as in `loadWeights`. Default: true. */
  readonly strict?: boolean;
}

export interface PyTorchReport extends LoadReport {
  /** Which layer each module was taken for, and why. */
  readonly modules: readonly ModuleMatch[];
  /** Weights, of those loaded, whose values were brought from PyTorch's `[C, H, W]` to `[H, W, C]`. */
  readonly reordered: readonly string[];
  /** Tensors that have no counterpart and need none: `num_batches_tracked` of batch norm. */
  readonly ignored: readonly string[];
}

const names = guardedBy(
  'an object that gives the layer or block of a module, by names',
  (given): given is Readonly<Record<string, string>> =>
    typeof given === 'object' &&
    given !== null &&
    Object.values(given).every((layer) => typeof layer === 'string'),
);

const LOAD_PYTORCH_OPTIONS = {
  map: withDefault(names, {}),
  match: LOAD_WEIGHTS_OPTIONS.match,
  strict: LOAD_WEIGHTS_OPTIONS.strict,
};

interface PyTorchSelection extends Selection {
  readonly report: PyTorchReport;
  readonly ambiguous: readonly string[];
}

/** Reads what `loadPyTorch` is given, and compares it with a model's parameters. */
export async function selectFromPyTorch(
  operation: string,
  { native: { parameters, layers }, network }: ModelState,
  path: string,
  options: LoadPyTorchOptions,
): Promise<PyTorchSelection> {
  const { map, match, strict } = readOptions(operation, options, LOAD_PYTORCH_OPTIONS);
  const tensors = await readTensors(readValue(operation, 'path', path, text));
  const graph = { inputs: sourcesOf(network), layers: toLayerSpecs(network) };
  const layouts = findTorchLayouts(operation, graph, layers, parameters);
  const isChain = network.nodes === undefined ? () => true : chainsOf(graph.layers);
  const selection = selectStateDict(operation, parameters, layouts, tensors, { map, match, isChain });
  if (strict) {
    const remedy = 'name layers with map, choose with match, or load what fits with strict: false';
    checkAllFit(operation, selection.report, { remedy, notes: selection.ambiguous });
  }
  return selection;
}

/** Tells whether layers lie one behind another, so that there is one order among them. */
function chainsOf(specs: readonly LayerSpec[]): (layers: readonly string[]) => boolean {
  const behind = new Map<string, ReadonlySet<string>>();
  for (const { name, inputs = [], shares } of specs) {
    const before = new Set(inputs.flatMap((input) => [input, ...(behind.get(input) ?? [])]));
    // Of its first use, which has the weights.
    behind.set(name, shares === undefined ? before : new Set([...before, shares]));
  }
  return (layers) =>
    layers.every((name, place) => place === 0 || behind.get(name)?.has(layers[place - 1] as string) === true);
}

function selectStateDict(
  operation: string,
  parameters: readonly NativeParameterInfo[],
  layouts: TorchLayouts,
  tensors: Tensors,
  {
    map,
    match,
    isChain,
  }: {
    readonly map: Readonly<Record<string, string>>;
    readonly match: NameFilter | undefined;
    readonly isChain: (layers: readonly string[]) => boolean;
  },
): PyTorchSelection {
  const sources = [...tensors].map(([name, { shape }]) => ({ name, shape }));
  const expected = parameters.map((parameter) => ({
    ...parameter,
    shape: layouts.get(parameter.name)?.shape ?? parameter.shape,
  }));
  const { modules, ambiguous } = matchModules(operation, sources, expected, map, isChain);
  const rename = (source: string) => {
    if (isIgnored(source)) return undefined;
    const layer = modules.find(({ module }) => module === ownerOf(source))?.layer;
    return layer === undefined ? source : `${layer}.${toLayerLeaf(leafOf(source))}`;
  };
  const { report, weights } = selectWeights(operation, expected, tensors, { rename, match });
  const reordered = report.loaded.filter((name) => layouts.has(name));
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  const entries = Object.entries(weights).map(([name, weight]) => {
    const { data, shape } = weight;
    const layout = layouts.get(name);
    if (layout === undefined) return [name, weight] as const;
    return [name, { data: fromTorchOrder(data, layout.order), shape: shapes.get(name) ?? shape }] as const;
  });
  const ignored = [...tensors.keys()].filter(isIgnored);
  return {
    report: Object.freeze({ ...report, modules, reordered, ignored }),
    weights: Object.fromEntries(entries),
    ambiguous,
  };
}
