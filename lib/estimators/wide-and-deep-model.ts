/** The network of wide and deep learning: the sum of a linear model and of a network, over inputs of any kind. */
import type { NamedShapes, Shape } from '../core/shape.ts';
import type { InputParts } from '../datasets/parts/dataset-parts.ts';
import { isSparse } from '../datasets/parts/stored-inputs.ts';
import { dense, embedding, embeddingBag, flatten, sparseDense } from '../layers/index.ts';
import type { TableOptions } from '../layers/table.ts';
import { add, concat, type GraphNode, graph, input, type Model } from '../models/index.ts';

export interface WideAndDeepParts {
  /** Names of the inputs that the linear model reads; ids of one column each. */
  readonly wide: readonly string[];
  /** Names of the inputs that the network reads. */
  readonly deep: readonly string[];
  readonly outputs: number;
  readonly hidden: readonly number[];
  /** Numbers of the vector of each id, and of each sparse feature. */
  readonly units: number;
  /** Rows of the tables of ids by input. Default: those of `rowsOf`. */
  readonly rows?: Readonly<Record<string, number>> | undefined;
  readonly seed: number;
  /** Of all tables. */
  readonly dtype?: TableOptions['dtype'];
}

/** The layers of the linear model. */
export const WIDE_LAYERS = 'wide_*';

export type Columns = Readonly<Record<string, InputParts>>;

export function wideAndDeepModel(columns: Columns, parts: WideAndDeepParts): Model<NamedShapes, Shape> {
  const { wide, deep, outputs, hidden, units, rows = {}, seed, dtype = 'float32' } = parts;
  const inputs = Object.fromEntries(
    Object.entries(columns).map(([name, { inputShape }]) => [name, input(inputShape)]),
  );
  const reading = (name: string) => {
    const column = columns[name] as InputParts;
    return { node: inputs[name] as GraphNode, column, rows: rows[name] ?? rowsOf(column) };
  };
  const linear = wide.map((name, place) =>
    readWide(reading(name), { units: outputs, dtype, name: `wide_${place + 1}` }),
  );
  const read = deep.map((name) => readDeep(reading(name), { units, dtype })) as [GraphNode, ...GraphNode[]];
  const network = [
    ...hidden.map((size) => dense({ units: size, activation: 'relu' })),
    dense({ units: outputs }),
  ];
  const start = read.length === 1 ? read[0] : concat(read);
  const end = network.reduce<GraphNode>((node, layer) => node.pipe(layer), start);
  return graph({ inputs, output: add([...linear, end]), seed }) as unknown as Model<NamedShapes, Shape>;
}

/** What tables have in common. */
type TableSize = { readonly units: number } & Required<Pick<TableOptions, 'dtype'>>;

interface Reading {
  readonly node: GraphNode;
  readonly column: InputParts;
  readonly rows: number;
}

/** A weight for each feature, id or value, from 0. */
function readWide(
  { node, column: { inputs, inputShape }, rows }: Reading,
  table: TableSize & { readonly name: string },
): GraphNode {
  const weightInitializer = 'zeros';
  if (isSparse(inputs)) return node.pipe(sparseDense({ ...table, bias: false, weightInitializer }));
  if (inputs instanceof Int32Array)
    return node.pipe(embedding({ ...table, rows, weightInitializer }), flatten());
  const values = inputShape.length === 1 ? node : node.pipe(flatten());
  return values.pipe(dense({ units: table.units, name: table.name, bias: false, weightInitializer }));
}

/** What the network reads of an input: one row of values. */
function readDeep({ node, column: { inputs, inputShape }, rows }: Reading, table: TableSize): GraphNode {
  if (isSparse(inputs)) return node.pipe(embeddingBag({ ...table, pooling: 'sum' }));
  if (inputs instanceof Int32Array) return node.pipe(embedding({ ...table, rows }), flatten());
  return inputShape.length === 1 ? node : node.pipe(flatten());
}

/** The categories of a table's column, else one more than the highest id of the data. */
function rowsOf({ inputs, table }: InputParts): number {
  const [column] = table?.inputs ?? [];
  if (column?.kind === 'category') return column.categories.length;
  return inputs instanceof Int32Array ? inputs.reduce((most, id) => Math.max(most, id), 0) + 1 : 0;
}
