import { types } from 'node:util';
import { GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, optional, readOptions, readValue, sampleShape } from '../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import { compact } from './concat.ts';
import { type Dataset, partsOf } from './dataset.ts';
import type { DatasetParts, LabelKind, Sample } from './dataset-parts.ts';
import { isFloat32, makePreprocessing } from './preprocessing.ts';

/** A literal shape as a plain tuple. */
export type Tuple<Input extends Shape> = { -readonly [Axis in keyof Input]: Input[Axis] };

export interface MapOptions<Output extends Shape = Shape> {
  /** The shape of one sample of the result, channels last. Default: as before. */
  readonly inputShape?: Output;
}

const OPTIONS = { inputShape: optional(sampleShape) };

type Transform<Label extends LabelKind> = (sample: Sample<Label>, place: number) => unknown;
const callable = guardedBy(
  'a function',
  (given): given is Transform<LabelKind> => typeof given === 'function',
);

export function mapSamples<Label extends LabelKind>(
  dataset: Dataset<Shape, Label>,
  transform: Transform<Label>,
  given: MapOptions,
): DatasetParts<Shape, Label> {
  readValue('map', 'transform', transform, callable);
  const { inputShape = dataset.inputShape } = readOptions('map', given, OPTIONS);
  const size = sizeOf(inputShape);
  let inputs: Float32Array<ArrayBuffer> | undefined;
  for (let place = 0; place < dataset.length; place++) {
    const values = flatten(callTransform(transform, dataset.at(place), place));
    if (values?.length !== size) {
      const got = values === undefined ? 'no array of numbers' : `${values.length} values`;
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `map: sample ${place}: transform must return the ${size} values of a sample ${formatShape(inputShape)}, got ${got}; ` +
          'give { inputShape } for another shape',
      );
    }
    const fault = values.findIndex((value) => !isFloat32(value));
    if (fault >= 0) {
      throw new GradloomError(
        'INVALID_DATA',
        `map: sample ${place}: value ${fault} is ${formatValue(values[fault])}, no number that is finite as float32`,
      );
    }
    // The first result shows that the function works before memory is taken for all.
    inputs ??= new Float32Array(dataset.length * size);
    inputs.set(values as number[], place * size);
  }
  return {
    ...compact(partsOf(dataset)),
    vectorizer: undefined,
    firstFeature: undefined,
    inputs: inputs as Float32Array<ArrayBuffer>,
    inputShape,
    preprocessing: makePreprocessing('map', 1, { scale: [1], shift: [0] }),
    table: undefined,
    gaps: undefined,
  };
}

function callTransform<Label extends LabelKind>(
  transform: Transform<Label>,
  sample: Sample<Label>,
  place: number,
): unknown {
  try {
    return transform(sample, place);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new GradloomError('INVALID_DATA', `map: sample ${place}: ${message}`, { cause: error });
  }
}

function flatten(given: unknown): readonly unknown[] | undefined {
  if (types.isTypedArray(given)) return Array.from(given as ArrayLike<unknown>);
  if (!Array.isArray(given)) return undefined;
  return given.flatMap((value) => flatten(value) ?? [value]);
}
