import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { formatValue, optional, readOptions, sampleShape } from '../../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import type { DatasetParts, LabelKind, Sample } from '../parts/dataset-parts.ts';
import { isFloat32, makePreprocessing } from '../parts/preprocessing.ts';
import { checkNotDetached, countOf, sampleAt } from '../parts/samples.ts';
import { compact } from './concat.ts';

/** A literal shape as a plain tuple. */
export type Tuple<Input extends Shape> = { -readonly [Axis in keyof Input]: Input[Axis] };

export interface MapOptions<Output extends Shape = Shape> {
  /** The shape of one sample of the result, channels last. Default: as before. */
  readonly inputShape?: Output;
}

export const MAP_OPTIONS = { inputShape: optional(sampleShape) };

export function mapSamples<Label extends LabelKind>(
  parts: DatasetParts<Shape, Label>,
  transform: (sample: Sample<Label>, place: number) => unknown,
  given: MapOptions,
): DatasetParts<Shape, Label> {
  const { inputShape = parts.inputShape } = readOptions('map', given, MAP_OPTIONS);
  const mapped = new MappedSamples(parts, inputShape);
  const count = countOf(parts);
  for (let place = 0; place < count; place++) {
    mapped.put(place, callTransform(transform, sampleAt(parts, place), place));
  }
  return mapped.parts();
}

/** What becomes of a dataset's samples, which are put here in any order. */
export class MappedSamples<Label extends LabelKind> {
  readonly #given: DatasetParts<Shape, Label>;
  readonly #inputShape: Shape;
  readonly #size: number;
  #inputs: Float32Array<ArrayBuffer> | undefined;

  constructor(given: DatasetParts<Shape, Label>, inputShape: Shape) {
    this.#given = given;
    this.#inputShape = inputShape;
    this.#size = sizeOf(inputShape);
  }

  /** Takes what the transform gave, or throws what is wrong with it. */
  put(place: number, given: unknown): void {
    const values = flatten(given);
    if (values?.length !== this.#size) {
      const got = values === undefined ? 'no array of numbers' : `${values.length} values`;
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `map: sample ${place}: transform must return the ${this.#size} values of a sample ${formatShape(this.#inputShape)}, got ${got}; ` +
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
    this.#inputs ??= new Float32Array(countOf(this.#given) * this.#size);
    this.#inputs.set(values as number[], place * this.#size);
  }

  parts(): DatasetParts<Shape, Label> {
    checkNotDetached(this.#given);
    return {
      ...compact(this.#given),
      vectorizer: undefined,
      firstFeature: undefined,
      inputs: this.#inputs as Float32Array<ArrayBuffer>,
      inputShape: this.#inputShape,
      preprocessing: makePreprocessing('map', 1, { scale: [1], shift: [0] }),
      table: undefined,
      gaps: undefined,
    };
  }
}

function callTransform<Label extends LabelKind>(
  transform: (sample: Sample<Label>, place: number) => unknown,
  sample: Sample<Label>,
  place: number,
): unknown {
  try {
    return transform(sample, place);
  } catch (error) {
    throw transformError(place, error);
  }
}

/** What the transform threw. */
export function transformError(place: number, error: unknown): GradloomError {
  const message = error instanceof Error ? error.message : String(error);
  return new GradloomError('INVALID_DATA', `map: sample ${place}: ${message}`, { cause: error });
}

function flatten(given: unknown): readonly unknown[] | undefined {
  if (types.isTypedArray(given)) return Array.from(given as ArrayLike<unknown>);
  if (!Array.isArray(given)) return undefined;
  return given.flatMap((value) => flatten(value) ?? [value]);
}
