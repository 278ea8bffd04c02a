import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import { Dataset, partsOf } from '../dataset.ts';
import { forEachValue } from '../parts/each-value.ts';
import {
  factorsAt,
  isFloat32,
  lastExtent,
  makePreprocessing,
  type Preprocessing,
} from '../parts/preprocessing.ts';
import { denseInputs } from '../parts/stored-inputs.ts';

/**
 * Shifts and scales inputs so that over `fitOn` each index of the last axis (a feature of `[features]`, a channel of
 * `[height, width, channels]`) has mean 0 and standard deviation 1. The deviation is the population's; an index whose values
 * are all equal is shifted only.
 *
 * Returns views of `fitOn` and of the others, in that order, all with the map fitted on `fitOn`, put behind the preprocessing
 * that each has. Means and deviations are computed in float64.
 *
 * @example
 * const [train, test] = standardize(trainSet, testSet);
 *
 * Throws `SHAPE_MISMATCH` when the shapes differ, and `INVALID_DATA` when a deviation is so small or a mean so large that the
 * map leaves float32.
 */
export function standardize<Datasets extends readonly [Dataset, ...Dataset[]]>(
  ...datasets: Datasets
): Datasets {
  const [fitOn] = datasets;
  checkDataset(fitOn, 0);
  for (const [place, dataset] of datasets.entries()) {
    checkDataset(dataset, place);
    if (!sameShape(dataset.inputShape, fitOn.inputShape)) {
      const shapes = [dataset.inputShape, fitOn.inputShape].map(formatShape);
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `standardize: argument ${place} has inputShape ${shapes[0]}, the first ${shapes[1]}`,
      );
    }
  }
  for (const dataset of datasets) denseInputs('standardize', partsOf(dataset, 'standardize'));
  const moments = momentsOf(fitOn);
  return datasets.map((dataset) => {
    const preprocessing = compose(dataset.preprocessing, moments);
    return new Dataset({ ...partsOf(dataset), preprocessing });
  }) as unknown as Datasets;
}

function checkDataset(given: unknown, place: number): void {
  if (given instanceof Dataset) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `standardize: argument ${place} must be a Dataset, got ${formatValue(given)}`,
  );
}

interface Moments {
  readonly mean: number;
  readonly deviation: number;
}

/** Of each index of the last axis, behind the dataset's own preprocessing. */
function momentsOf(dataset: Dataset): Moments[] {
  const parts = partsOf(dataset);
  const dense = { ...parts, inputs: denseInputs('standardize', parts) };
  const channels = lastExtent(dataset.inputShape);
  const count = (dataset.length * sizeOf(dataset.inputShape)) / channels;
  // Distances from a value of the data: values that are all equal then have exactly that mean, and deviation 0.
  const origin = new Float64Array(channels).fill(Number.NaN);
  const sums = new Float64Array(channels);
  forEachValue(dense, (value, channel) => {
    if (Number.isNaN(origin[channel])) origin[channel] = value;
    sums[channel] = (sums[channel] as number) + value - (origin[channel] as number);
  });
  const means = origin.map((value, channel) => value + (sums[channel] as number) / count);
  const squares = new Float64Array(channels);
  forEachValue(dense, (value, channel) => {
    squares[channel] = (squares[channel] as number) + (value - (means[channel] as number)) ** 2;
  });
  return Array.from(means, (mean, channel) => ({
    mean,
    deviation: Math.sqrt((squares[channel] as number) / count),
  }));
}

function compose(inner: Preprocessing, moments: readonly Moments[]): Preprocessing {
  const factors = moments.map(({ mean, deviation }, channel) => {
    const { scale, shift } = factorsAt(inner, channel);
    const divisor = deviation === 0 ? 1 : deviation;
    const composed = { scale: scale / divisor, shift: (shift - mean) / divisor };
    if (isFloat32(composed.scale) && isFloat32(composed.shift)) return composed;
    throw new GradloomError(
      'INVALID_DATA',
      `standardize: index ${channel} of the last axis has mean ${mean} and deviation ${deviation}, beyond what float32 ` +
        'can map to 0 and 1; rescale or drop it',
    );
  });
  return makePreprocessing('standardize', moments.length, {
    ...inner,
    scale: factors.map(({ scale }) => scale),
    shift: factors.map(({ shift }) => shift),
  });
}
