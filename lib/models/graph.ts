import { GradloomError } from '../core/errors.ts';
import {
  formatValue,
  guardedBy,
  instanceOf,
  optional,
  readOptions,
  required,
  seed,
  withDefault,
} from '../core/options.ts';
import type { InputShape, Shape } from '../core/shape.ts';
import { flatten } from '../layers/flatten.ts';
import type { Layer } from '../layers/layer.ts';
import { Model } from './model.ts';
import { concat, GraphNode, InputNode, sourceOf } from './network/graph-node.ts';
import { makeGraphLayer } from './network/make-layer.ts';
import {
  checkGivenValues,
  type GraphNetwork,
  type GraphNodeRecord,
  type HeadRecord,
  type NamedLayer,
  nameLayers,
  nameOfUse,
} from './network/network.ts';

export type InputNodes = Readonly<Record<string, InputNode>>;

/** What a model gives, by the names of its heads. */
export type OutputNodes = Readonly<Record<string, GraphNode>>;

export interface GraphOptions<Inputs extends InputNodes = InputNodes, Output extends Shape = Shape> {
  /** The model's inputs by name, in the order in which `summary` lists them. */
  readonly inputs: Inputs;
  /** What the model gives. */
  readonly output: GraphNode<Output>;
  /** Seed of the initial weights: the same seed gives the same weights. Default: 0. */
  readonly seed?: number;
}

/** Of a model with several heads. */
export interface HeadsOptions<
  Inputs extends InputNodes = InputNodes,
  Outputs extends OutputNodes = OutputNodes,
> extends Omit<GraphOptions<Inputs>, 'output'> {
  /** What the model gives, by name: heads, each with a loss and targets of its own, on one network. */
  readonly outputs: Outputs;
}

/** The shapes of outputs by name. */
export type OutputShapes<Outputs extends OutputNodes> = {
  readonly [Name in keyof Outputs]: Outputs[Name] extends GraphNode<infer Output> ? Output : never;
};

/** The shapes of inputs by name. */
export type InputShapes<Inputs extends InputNodes> = {
  readonly [Name in keyof Inputs]: Inputs[Name] extends InputNode<infer Input> ? Input : never;
};

const OPTIONS = {
  inputs: required(
    guardedBy(
      'an object of inputs by name, such as { user: input([1]) }',
      (given): given is Readonly<Record<string, unknown>> =>
        typeof given === 'object' && given !== null && !Array.isArray(given) && Object.keys(given).length > 0,
    ),
  ),
  output: optional(instanceOf('what pipe, concat, add, multiply or dot gives', GraphNode)),
  outputs: optional(
    guardedBy(
      'an object of nodes by name, such as { price: trunk.pipe(dense({ units: 1 })) }',
      (given): given is Readonly<Record<string, unknown>> =>
        typeof given === 'object' && given !== null && !Array.isArray(given) && Object.keys(given).length > 0,
    ),
  ),
  seed: withDefault(seed, 0),
};

const NAME = /^[A-Za-z0-9_-]{1,100}$/;

/**
 * A model of one or several inputs, whose layers are connected in any way that is no circle. It is trained, evaluated, saved
 * and asked as any other; data sets of several inputs are made by `fromInputs`, and `predict` takes samples by the names
 * of the inputs.
 *
 * Layers are named by their kind and count in the order in which they run, unless they have names; a layer that is used
 * again appears as `dense_1:2`, and has no weights of its own.
 *
 * With `outputs` in place of `output` it has heads, known by name: `predict` gives an object by these names, a `Trainer` takes
 * losses, their weights and metrics by them, and data sets have `targets` (`fromInputs`). In the network the heads' values
 * stand side by side, by a `flatten` each and a `concat`, in the order of the names.
 *
 * Throws `INVALID_OPTION` for an input that is not used, one that is not listed, or two layers of one name, and
 * `SHAPE_MISMATCH` for a layer that does not fit what it is given.
 *
 * @example
 * const user = input([1]);
 * const item = input([1]);
 * const model = graph({
 *   inputs: { user, item },
 *   output: dot([
 *     user.pipe(embedding({ rows: 1000, units: 16 }), flatten()),
 *     item.pipe(embedding({ rows: 500, units: 16 }), flatten()),
 *   ]),
 * });
 */
export function graph<const Inputs extends InputNodes, const Outputs extends OutputNodes>(
  options: HeadsOptions<Inputs, Outputs>,
): Model<InputShapes<Inputs>, OutputShapes<Outputs>>;
export function graph<const Inputs extends InputNodes, Output extends Shape>(
  options: GraphOptions<Inputs, Output>,
): Model<InputShapes<Inputs>, Output>;
export function graph(options: GraphOptions | HeadsOptions): Model<InputShapes<InputNodes>, InputShape> {
  const { inputs, output, outputs, seed: seedGiven } = readOptions('graph', options, OPTIONS);
  const names = readInputs(inputs);
  const heads = outputs === undefined ? undefined : readOutputs(outputs);
  const end = heads === undefined ? output : joinHeads([...heads.keys()]);
  if (end === undefined || (heads !== undefined && output !== undefined)) {
    throw graphError('give either output, a node, or outputs, nodes by the names of heads');
  }
  const order = inOrder(end);
  const shapes = new Map(
    [...names].map(([node, name]) => [name, (sourceOf(node) as { shape: Shape }).shape]),
  );
  const unused = [...names].find(([node]) => !order.includes(node));
  if (unused !== undefined) {
    throw graphError(`input "${unused[1]}" has no part in the output; connect it, or leave it out of inputs`);
  }
  const { layers, nodes, applied } = connect(order, names);
  const records =
    heads && [...heads].map(([node, name]) => ({ name, ...(applied.get(node) as Omit<HeadRecord, 'name'>) }));
  return new Model(
    {
      inputs: [...shapes].map(([name, shape]) => ({ name, shape })),
      layers,
      nodes,
      ...(records && { heads: records }),
    },
    { seed: seedGiven },
  );
}

/** In the order of their names, as targets are. */
function readOutputs(outputs: Readonly<Record<string, unknown>>): ReadonlyMap<GraphNode, string> {
  const heads = new Map<GraphNode, string>();
  for (const [name, node] of Object.entries(outputs).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!NAME.test(name)) {
      throw graphError(
        `${formatValue(name)} is no name of a head; names are 1 to 100 letters, digits, _ and -`,
      );
    }
    if (!(node instanceof GraphNode) || node instanceof InputNode) {
      throw graphError(`outputs.${name} must be what a layer gives, got ${formatValue(node)}`);
    }
    const first = heads.get(node);
    if (first !== undefined) throw graphError(`outputs.${first} and outputs.${name} are the same node`);
    heads.set(node, name);
  }
  return heads;
}

/** The network's one output: the values of all heads side by side. */
function joinHeads(heads: readonly GraphNode[]): GraphNode {
  const flat = heads.map((node) => node.pipe(flatten()));
  const [only] = flat;
  return flat.length === 1 ? (only as GraphNode) : concat(flat as GraphNode<readonly [number]>[]);
}

function readInputs(inputs: Readonly<Record<string, unknown>>): ReadonlyMap<GraphNode, string> {
  const names = new Map<GraphNode, string>();
  for (const [name, node] of Object.entries(inputs)) {
    if (!NAME.test(name)) {
      throw graphError(
        `${formatValue(name)} is no name of an input; names are 1 to 100 letters, digits, _ and -`,
      );
    }
    if (!(node instanceof InputNode)) {
      throw graphError(`inputs.${name} must be made by input(shape), got ${formatValue(node)}`);
    }
    const first = names.get(node);
    if (first !== undefined) throw graphError(`inputs.${first} and inputs.${name} are the same input`);
    names.set(node, name);
  }
  return names;
}

/** All nodes that have a part in the output, each behind those that it reads. */
function inOrder(end: GraphNode): GraphNode[] {
  const done = new Set<GraphNode>();
  const stack: GraphNode[] = [end];
  while (stack.length > 0) {
    const node = stack.at(-1) as GraphNode;
    const source = sourceOf(node);
    const waiting = source.layer === undefined ? [] : source.inputs.filter((read) => !done.has(read));
    if (waiting.length === 0) done.add(stack.pop() as GraphNode);
    else stack.push(waiting[0] as GraphNode);
  }
  return [...done];
}

function connect(
  order: readonly GraphNode[],
  names: ReadonlyMap<GraphNode, string>,
): Pick<GraphNetwork, 'layers' | 'nodes'> & {
  readonly applied: ReadonlyMap<GraphNode, Omit<HeadRecord, 'name'>>;
} {
  const layers: Layer[] = [];
  for (const node of order) {
    const { layer } = sourceOf(node);
    if (layer !== undefined && !layers.includes(layer)) layers.push(layer);
  }
  if (layers.length === 0) throw graphError('output must be what a layer gives, not an input');
  const named = nameLayers('graph', layers, makeGraphLayer);
  checkGivenValues('graph', named);
  const given = new Map<GraphNode, string>();
  const applied = new Map<GraphNode, Omit<HeadRecord, 'name'>>();
  const uses = new Map<Layer, number>();
  const nodes: GraphNodeRecord[] = [];
  for (const node of order) {
    const source = sourceOf(node);
    if (source.layer === undefined) {
      const name = names.get(node);
      if (name === undefined) {
        throw graphError(
          `the output needs an input of shape [${source.shape.join(', ')}] that is not listed in inputs`,
        );
      }
      given.set(node, `@${name}`);
      continue;
    }
    const { name: layer } = named[layers.indexOf(source.layer)] as NamedLayer;
    const use = (uses.get(source.layer) ?? 0) + 1;
    uses.set(source.layer, use);
    given.set(node, nameOfUse(layer, use));
    applied.set(node, { layer, use });
    nodes.push({ layer, inputs: source.inputs.map((read) => given.get(read) as string) });
  }
  return { layers: named, nodes, applied };
}

function graphError(text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `graph: ${text}`);
}
