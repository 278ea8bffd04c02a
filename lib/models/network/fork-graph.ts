/** What a fork takes of a graph: all that has a part in one of its values. */
import { formatValue, listOf, suggest } from '../../core/options.ts';
import { type Freeze, forkError, forkLayers } from './fork-layers.ts';
import { makeGraphLayer } from './make-layer.ts';
import { type GraphNetwork, type GraphNodeRecord, type NamedLayer, nameOfUse } from './network.ts';

interface Taken {
  readonly network: GraphNetwork;
  /** The layers whose weights are copied. */
  readonly layers: readonly NamedLayer[];
}

/** A node and what others know it by. */
interface NamedNode extends GraphNodeRecord {
  readonly name: string;
}

/** Up to `last`, without it to the end with all heads, and new layers behind. Inputs without a part in it are left out. */
export function forkGraph(
  network: GraphNetwork,
  { last, freeze }: { readonly last: string | undefined; readonly freeze: Freeze },
  added: unknown,
): Taken {
  const nodes = nameNodes(network.nodes);
  const whole = last === undefined && Array.isArray(added) && added.length === 0;
  const end = last === undefined ? lastOf(network, nodes, whole) : findNode(network, nodes, last);
  const read = namesOfPart(nodes, end);
  const part = nodes.filter(({ name }) => read.has(name));
  const taken = network.layers.filter(({ name }) => part.some(({ layer }) => layer === name));
  const layers = forkLayers(taken, added, freeze, makeGraphLayer);
  return {
    network: {
      inputs: network.inputs.filter(({ name }) => read.has(`@${name}`)),
      layers,
      nodes: renameUses(part, layers.slice(taken.length), end),
      ...(whole && network.heads && { heads: network.heads }),
    },
    layers: taken,
  };
}

function nameNodes(nodes: readonly GraphNodeRecord[]): readonly NamedNode[] {
  const uses = new Map<string, number>();
  return nodes.map((node) => {
    const use = (uses.get(node.layer) ?? 0) + 1;
    uses.set(node.layer, use);
    return { ...node, name: nameOfUse(node.layer, use) };
  });
}

function lastOf({ heads }: GraphNetwork, nodes: readonly NamedNode[], whole: boolean): string {
  if (heads === undefined || whole) return (nodes.at(-1) as NamedNode).name;
  throw forkError(
    `the model has the heads ${listOf(heads.map(({ name }) => formatValue(name)))}; say with last behind which layer or head the new layers stand`,
  );
}

/** A layer, a use of one such as `tower:2`, or else a head. */
function findNode({ heads = [] }: GraphNetwork, nodes: readonly NamedNode[], last: string): string {
  if (nodes.some(({ name }) => name === last)) return last;
  const head = heads.find(({ name }) => name === last);
  if (head !== undefined) return nameOfUse(head.layer, head.use);
  const names = [...nodes, ...heads].map(({ name }) => name);
  throw forkError(`last names no layer ${formatValue(last)}; ${suggest(last, names)}`);
}

/** The names of all nodes and inputs that have a part in a node, itself included. */
function namesOfPart(nodes: readonly NamedNode[], end: string): ReadonlySet<string> {
  const names = new Set([end]);
  for (const { name, inputs } of [...nodes].reverse()) {
    if (names.has(name)) for (const input of inputs) names.add(input);
  }
  return names;
}

/** Uses of a layer are counted anew where others were left out. */
function renameUses(
  part: readonly NamedNode[],
  added: readonly NamedLayer[],
  end: string,
): readonly GraphNodeRecord[] {
  const names = new Map(nameNodes(part).map(({ name }, place) => [part[place]?.name, name]));
  const nodes = part.map(({ layer, inputs }) => ({
    layer,
    inputs: inputs.map((input) => names.get(input) ?? input),
  }));
  const behind = added.map(({ name: layer }, place) => ({
    layer,
    inputs: [place === 0 ? (names.get(end) as string) : (added[place - 1] as NamedLayer).name],
  }));
  return [...nodes, ...behind];
}
