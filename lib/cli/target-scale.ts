/**
 * Targets of regression are amounts of any size. A network starts near 0 and moves by steps of its learning rate, so it is
 * trained on targets of mean 0 and deviation 1; afterwards its last layer, which is linear, takes the scaling back (or the
 * last layers, where the output is a sum), and model, files and predictions are in the target's own unit.
 */
import { type AnyDataset, anyPartsOf, Dataset } from '../datasets/dataset.ts';
import { type Model, stateOf } from '../models/model.ts';
import type { Network } from '../models/network.ts';

export interface TargetScale {
  readonly mean: number;
  readonly deviation: number;
}

export function fitTargetScale(dataset: AnyDataset): TargetScale {
  const values = labelsOf(dataset);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) || 1 };
}

export function scaleTargets(dataset: AnyDataset, { mean, deviation }: TargetScale): AnyDataset {
  const parts = anyPartsOf(dataset);
  const labels = Float32Array.from(parts.labels ?? [], (value) => (value - mean) / deviation);
  return new Dataset({ ...parts, labels });
}

/** The labels of a view, in its order. */
export function labelsOf(dataset: AnyDataset): Float64Array {
  const { labels = [], rows } = anyPartsOf(dataset);
  return Float64Array.from(
    { length: dataset.length },
    (_, place) => labels[rows?.[place] ?? place] as number,
  );
}

export function takeScaleBack(model: Model, { mean, deviation }: TargetScale): void {
  const summed = layersOfOutput(stateOf(model).network);
  const weights = model.getWeights();
  const scaled = Object.entries(weights).map(([name, weight]) => {
    const layer = summed.find((each) => name.startsWith(`${each}.`));
    if (layer === undefined) return [name, weight];
    const shift = name === `${layer}.bias` ? mean : 0;
    return [name, { ...weight, data: weight.data.map((value) => value * deviation + shift) }];
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
