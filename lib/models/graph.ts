import { GradloomError } from '../core/errors.ts';
import {
  formatValue,
  guardedBy,
  instanceOf,
  readOptions,
  required,
  seed,
  withDefault,
} from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Layer } from '../layers/layer.ts';
import { makeGraphLayer } from '../layers/merging.ts';
import { GraphNode, InputNode, sourceOf } from './graph-node.ts';
import { Model } from './model.ts';
import {
  checkGivenValues,
  type GraphNetwork,
  type GraphNodeRecord,
  type NamedLayer,
  nameLayers,
  nameOfUse,
} from './network.ts';

export type InputNodes = Readonly<Record<string, InputNode>>;

export interface GraphOptions<Inputs extends InputNodes = InputNodes, Output extends Shape = Shape> {
  /** The model's inputs by name, in the order in which `summary` lists them. */
  readonly inputs: Inputs;
  /** What the model gives. */
  readonly output: GraphNode<Output>;
  /** Seed of the initial weights: the same seed gives the same weights. Default: 0. */
  readonly seed?: number;
}

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
  output: required(instanceOf('what pipe, concat, add, multiply or dot gives', GraphNode)),
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
export function graph<const Inputs extends InputNodes, Output extends Shape>(
  options: GraphOptions<Inputs, Output>,
): Model<InputShapes<Inputs>, Output> {
  const { inputs, output, seed: seedGiven } = readOptions('graph', options, OPTIONS);
  const names = readInputs(inputs);
  const order = inOrder(output);
  const shapes = new Map(
    [...names].map(([node, name]) => [name, (sourceOf(node) as { shape: Shape }).shape]),
  );
  const unused = [...names].find(([node]) => !order.includes(node));
  if (unused !== undefined) {
    throw graphError(`input "${unused[1]}" has no part in the output; connect it, or leave it out of inputs`);
  }
  const { layers, nodes } = connect(order, names);
  return new Model(
    { inputs: [...shapes].map(([name, shape]) => ({ name, shape })), layers, nodes },
    { seed: seedGiven },
  ) as Model<InputShapes<Inputs>, Output>;
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
): Pick<GraphNetwork, 'layers' | 'nodes'> {
  const layers: Layer[] = [];
  for (const node of order) {
    const { layer } = sourceOf(node);
    if (layer !== undefined && !layers.includes(layer)) layers.push(layer);
  }
  if (layers.length === 0) throw graphError('output must be what a layer gives, not an input');
  const named = nameLayers('graph', layers, makeGraphLayer);
  checkGivenValues('graph', named);
  const given = new Map<GraphNode, string>();
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
    nodes.push({ layer, inputs: source.inputs.map((read) => given.get(read) as string) });
  }
  return { layers: named, nodes };
}

function graphError(text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `graph: ${text}`);
}
