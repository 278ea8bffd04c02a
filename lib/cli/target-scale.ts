/**
 * Targets of regression are amounts of any size. A network starts near 0 and moves by steps of its learning rate, so it is
 * trained on targets of mean 0 and deviation 1; afterwards its last layer, which is linear, takes the scaling back,
 * and model, files and predictions are in the target's own unit.
 */
import { Dataset, partsOf } from '../datasets/dataset.ts';
import type { Model } from '../models/model.ts';

export interface TargetScale {
  readonly mean: number;
  readonly deviation: number;
}

export function fitTargetScale(dataset: Dataset): TargetScale {
  const values = labelsOf(dataset);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) || 1 };
}

export function scaleTargets(dataset: Dataset, { mean, deviation }: TargetScale): Dataset {
  const parts = partsOf(dataset);
  const labels = Float32Array.from(parts.labels ?? [], (value) => (value - mean) / deviation);
  return new Dataset({ ...parts, labels });
}

/** The labels of a view, in its order. */
export function labelsOf(dataset: Dataset): Float64Array {
  const { labels = [], rows } = partsOf(dataset);
  return Float64Array.from(
    { length: dataset.length },
    (_, place) => labels[rows?.[place] ?? place] as number,
  );
}

export function takeScaleBack(model: Model, { mean, deviation }: TargetScale): void {
  const last = model.layers.at(-1)?.name;
  const weights = model.getWeights();
  const scaled = Object.entries(weights).map(([name, weight]) => {
    if (name === `${last}.weight`)
      return [name, { ...weight, data: weight.data.map((value) => value * deviation) }];
    if (name === `${last}.bias`)
      return [name, { ...weight, data: weight.data.map((value) => value * deviation + mean) }];
    return [name, weight];
  });
  model.setWeights(Object.fromEntries(scaled));
}
