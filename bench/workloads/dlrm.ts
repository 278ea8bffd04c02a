/** The recommender of the peers' `dlrm`: rows of eight tables beside a small net over dense values. */
import {
  adagrad,
  concat,
  dense,
  embedding,
  flatten,
  fromArrays,
  fromInputs,
  graph,
  type InputNode,
  input,
  type Layer,
} from '../../lib/index.ts';
import { normals, uniforms } from './data.ts';
import type { GraphWorkload, Prepared } from './workload.ts';

const TABLES = 8;
const ROWS = 200_000;
const UNITS = 32;
const VALUES = 13;
const BATCHES = 64;

const hidden = (units: number): Layer => dense({ units, activation: 'relu' });

/** Ids by a power law; yes and no by two of the dense values, as the peers have them. */
function prepare(batchSize: number): Prepared {
  const values = input([VALUES]);
  const ids = Object.fromEntries(
    Array.from({ length: TABLES }, (_, table): [string, InputNode] => [`id${table}`, input([1])]),
  );
  const rows = Object.values(ids).map((id) => id.pipe(embedding({ rows: ROWS, units: UNITS }), flatten()));
  const model = graph({
    inputs: { values, ...ids },
    output: concat([values.pipe(hidden(64), hidden(UNITS)), ...rows]).pipe(hidden(128), dense({ units: 1 })),
    seed: 1,
  });

  const samples = BATCHES * batchSize;
  const numbers = normals(samples * VALUES, 0);
  const labels = Float32Array.from({ length: samples }, (_, sample) =>
    Number((numbers[sample * VALUES] as number) + (numbers[sample * VALUES + 1] as number) / 2 > 0),
  );
  const columns = Object.keys(ids).map((name, table) => {
    const inputs = Int32Array.from(uniforms(samples, table + 1), (u) => Math.floor(ROWS * u ** 3));
    return [name, fromArrays({ inputs, inputShape: [1] })] as const;
  });
  const data = fromInputs({
    inputs: {
      values: fromArrays({ inputs: numbers, inputShape: [VALUES] }),
      ...Object.fromEntries(columns),
    },
    labels,
    labelShape: [1],
  });
  return { model, data };
}

export const DLRM: GraphWorkload = {
  name: 'dlrm',
  source: 'random',
  batchSize: 512,
  loss: 'sigmoidBinaryCrossEntropy',
  optimizer: adagrad({ learningRate: 0.01 }),
  prepare,
};
