/** What a graph is built of: inputs, and layers applied to what others give. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, readValue, sampleShape } from '../../core/options.ts';
import type { Shape } from '../../core/shape.ts';
import type { Layer, NamedOptions } from '../../layers/layer.ts';
import { type ConcatOptions, type InBatchNegativesOptions, mergingLayers } from '../../layers/merging.ts';
import { makeGraphLayer } from './make-layer.ts';
import type { OutputShapeOf } from './output-shape.ts';

/** Where a node's value comes from. The same layer in several nodes is one layer, with one set of weights. */
export type NodeSource =
  | { readonly shape: Shape; readonly layer?: undefined }
  | { readonly layer: Layer; readonly inputs: readonly GraphNode[] };

export let sourceOf: (node: GraphNode) => NodeSource;

declare const output: unique symbol;

/**
 * A value of a graph that is yet to be made into a model: an `input`, or what a layer gives. It never changes, so that
 * nodes cannot come to read each other in a circle.
 *
 * `Output` is what the types know of the value's shape.
 */
export class GraphNode<Output extends Shape = Shape> {
  /** In types only. */
  declare readonly [output]?: Output;
  readonly #source: NodeSource;

  static {
    sourceOf = (node) => node.#source;
  }

  /** @internal Use `input`, `pipe`, `concat`, `add`, `multiply` and `dot`. */
  constructor(source: NodeSource) {
    this.#source = Object.freeze(source);
    Object.freeze(this);
  }

  /**
   * What the layers give, one behind another, the first of them applied to this node. A layer that is piped into more than
   * once, here or elsewhere in the graph, shares its weights: their gradients are summed. Weights of equal layers that are
   * not the same object are their own.
   *
   * Throws `INVALID_OPTION` for what is no layer.
   *
   * @example
   * const tower = dense({ units: 16, activation: 'relu' });
   * const [left, right] = [first.pipe(tower), second.pipe(tower)];
   */
  pipe<const Layers extends readonly [Layer, ...Layer[]]>(
    ...layers: Layers
  ): GraphNode<OutputShapeOf<Layers, Output>> {
    if (layers.length === 0) throw new GradloomError('INVALID_OPTION', 'pipe: give at least one layer');
    let node: GraphNode = this;
    for (const [place, given] of layers.entries()) {
      const made = makeGraphLayer('pipe', `layers[${place}]`, given);
      // What was given tells layers apart; a bare kind is another layer each time.
      node = new GraphNode({ layer: typeof given === 'object' ? given : made, inputs: [node] });
    }
    return node as GraphNode<OutputShapeOf<Layers, Output>>;
  }
}

declare const isInput: unique symbol;

/** One of a graph's inputs. */
export class InputNode<Input extends Shape = Shape> extends GraphNode<Input> {
  /** In types only. */
  declare readonly [isInput]: true;
}

/**
 * An input of a graph, of samples of this shape, channels last and without the batch: values, ids for an `embedding`
 * (`[1]` for one), or as many features as sparse samples may name. Its name is the one that `graph` knows it by.
 *
 * @example
 * const user = input([1]);
 */
export function input<const Input extends Shape>(shape: Input): InputNode<Input> {
  return new InputNode({ shape: readValue('input', 'shape', shape, sampleShape) });
}

/** The sum of two or more nodes of one shape. Throws `SHAPE_MISMATCH` when the model is made, for others. */
export function add<Output extends Shape>(
  nodes: readonly GraphNode<Output>[],
  options: NamedOptions = {},
): GraphNode<Output> {
  return merge('add', nodes, mergingLayers.add(options)) as GraphNode<Output>;
}

/** The product of two or more nodes of one shape, value by value: a gate, or how two embeddings go together. */
export function multiply<Output extends Shape>(
  nodes: readonly GraphNode<Output>[],
  options: NamedOptions = {},
): GraphNode<Output> {
  return merge('multiply', nodes, mergingLayers.multiply(options)) as GraphNode<Output>;
}

/**
 * Two or more nodes side by side, along the last axis or the one that `axis` says: `[16]` and `[4]` become `[20]`. All
 * other axes must agree.
 */
export function concat(nodes: readonly GraphNode[], options: ConcatOptions = {}): GraphNode<Shape> {
  return merge('concat', nodes, mergingLayers.concat(options));
}

/**
 * The scalar product of two nodes of one shape along the last axis: of `[16]` and `[16]` the shape is `[1]`, of `[5, 16]`
 * and `[5, 16]` `[5]`.
 */
export function dot<Output extends Shape>(
  nodes: readonly [GraphNode<Output>, GraphNode<Output>],
  options: NamedOptions = {},
): GraphNode<
  Output extends readonly [number] | readonly [number, number] ? readonly [DotShape<Output>] : Shape
> {
  return merge('dot', nodes, mergingLayers.dot(options)) as GraphNode<never>;
}

/**
 * Scores of two nodes of vectors `[units]` among the samples of a batch, for training two towers: first the scalar product of a
 * sample's own two vectors, then those of its first vector with the second ones of the `count` samples behind it in the
 * batch, around its end. They are negatives at no further cost (Yi et al. 2019), fitted by `'softmaxCrossEntropy'` with the
 * class 0 for every sample. A second vector that equals the sample's own, as of the same item, counts as no negative.
 * Output `[1 + count]`; a prediction, which knows no batch, has -1e9 in place of all but the first.
 *
 * @example
 * const scores = inBatchNegatives([user.pipe(...userTower), item.pipe(...itemTower)], { count: 255 }); // batchSize: 256
 */
export function inBatchNegatives<Output extends Shape>(
  nodes: readonly [GraphNode<Output>, GraphNode<Output>],
  options: InBatchNegativesOptions,
): GraphNode<readonly [number]> {
  return merge('inBatchNegatives', nodes, mergingLayers.inBatchNegatives(options)) as GraphNode<
    readonly [number]
  >;
}

type DotShape<Output extends Shape> = Output extends readonly [infer First extends number, number]
  ? First
  : 1;

function merge(operation: string, nodes: readonly unknown[], layer: Layer): GraphNode {
  if (!Array.isArray(nodes) || nodes.length < 2) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: nodes must be a list of at least two nodes of a graph, got ${formatValue(nodes)}`,
    );
  }
  const place = nodes.findIndex((node) => !(node instanceof GraphNode));
  if (place >= 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: nodes[${place}] must be a node of a graph, such as input([4]) or what pipe gives, got ${formatValue(nodes[place])}`,
    );
  }
  return new GraphNode({ layer, inputs: [...nodes] });
}
