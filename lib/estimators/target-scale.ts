/**
 * Targets of regression are amounts of any size. A model starts near 0 and moves by steps of its learning rate, so it is
 * trained on targets of mean 0 and deviation 1; afterwards its last layer, which is linear, takes the scaling back (or the
 * last layers, where the output is a sum), and model, files and predictions are in the target's own unit.
 */
import { sizeOf } from '../core/shape.ts';
import { type AnyDataset, anyPartsOf, Dataset } from '../datasets/dataset.ts';
import { type Model, stateOf } from '../models/model.ts';
import type { Network } from '../models/network/network.ts';

export interface TargetScale {
  /** Of each value of a target. */
  readonly means: readonly number[];
  /** One for all values, so that each has the part in the loss that it had: the root of their variances' mean. */
  readonly deviation: number;
}

export function fitTargetScale(dataset: AnyDataset): TargetScale {
  const values = labelsOf(dataset);
  const size = values.length / dataset.length;
  const sums = new Float64Array(size);
  for (const [at, value] of values.entries()) sums[at % size] = (sums[at % size] as number) + value;
  const means = Array.from(sums, (sum) => sum / dataset.length);
  const squares = values.reduce((sum, value, at) => sum + (value - (means[at % size] as number)) ** 2, 0);
  return { means, deviation: Math.sqrt(squares / values.length) || 1 };
}

export function scaleTargets<Given extends AnyDataset>(
  dataset: Given,
  { means, deviation }: TargetScale,
): Given {
  const parts = anyPartsOf(dataset);
  const labels = Float32Array.from(
    parts.labels ?? [],
    (value, at) => (value - (means[at % means.length] as number)) / deviation,
  );
  return new Dataset({ ...parts, labels }) as unknown as Given;
}

/** The labels of a view, in its order, the values of a sample one behind another. */
export function labelsOf(dataset: AnyDataset): Float64Array {
  const { labels = [], labelShape, rows } = anyPartsOf(dataset);
  const size = sizeOf(labelShape);
  return Float64Array.from({ length: dataset.length * size }, (_, at) => {
    const place = Math.floor(at / size);
    return labels[(rows?.[place] ?? place) * size + (at % size)] as number;
  });
}

export function takeScaleBack(model: Model, { means, deviation }: TargetScale): void {
  const summed = layersOfOutput(stateOf(model).network);
  const weights = model.getWeights();
  const scaled = Object.entries(weights).map(([name, weight]) => {
    const layer = summed.find((each) => name.startsWith(`${each}.`));
    if (layer === undefined) return [name, weight];
    const shifts = name === `${layer}.bias` ? means : [0];
    const data = weight.data.map((value, at) => value * deviation + (shifts[at % shifts.length] as number));
    return [name, { ...weight, data }];
  });
  model.setWeights(Object.fromEntries(scaled));
}

/** The last layer, or those whose sum the output is; one of them has a bias. */
function layersOfOutput({ layers, nodes }: Network): readonly string[] {
  if (nodes === undefined) return layers.slice(-1).map(({ name }) => name);
  const find = (name: string): readonly string[] => {
    const node = nodes.find(({ layer }) => layer === name);
    const kind = layers.find((layer) => layer.name === name)?.kind;
    return kind === 'add' || kind === 'flatten' ? (node?.inputs ?? []).flatMap(find) : [name];
  };
  return find(nodes.at(-1)?.layer ?? '');
}
