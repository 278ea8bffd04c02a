import { GradloomError } from '../../core/errors.ts';
import { oneOf, optional, readOptions } from '../../core/options.ts';
import { type Shape, sizeOf } from '../../core/shape.ts';
import type { DatasetParts } from '../parts/dataset-parts.ts';
import {
  checkFactors,
  factors,
  factorsAt,
  isFloat32,
  lastExtent,
  makePreprocessing,
  type Norm,
  type NormStep,
} from '../parts/preprocessing.ts';
import { denseInputs, type Inputs, isBytes } from '../parts/stored-inputs.ts';
import { compact } from './concat.ts';

export interface NormalizeOptions {
  /** Subtracted: one number, or one for each index of the last axis. Default: 0. */
  readonly mean?: number | readonly number[];
  /** Divided by, above 0: one number, or one for each index of the last axis. Default: 1. */
  readonly std?: number | readonly number[];
  /** Of a sample: the sum of absolute values, the root of the sum of squares, the highest absolute value. */
  readonly norm?: Norm;
}

const OPTIONS = { mean: optional(factors), std: optional(factors), norm: optional(oneOf('l1', 'l2', 'max')) };

export function normalizeParts<Parts extends DatasetParts>(parts: Parts, given: NormalizeOptions): Parts {
  const { mean, std, norm } = readOptions('normalize', given, OPTIONS);
  denseInputs('normalize', parts);
  if (norm === undefined) {
    if (mean === undefined && std === undefined) return scaleBytes(parts);
    return { ...parts, preprocessing: shiftAndScale(parts, mean ?? [0], std ?? [1]) };
  }
  if (mean !== undefined || std !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      'normalize: give either { mean, std } or { norm }; for both, call it twice',
    );
  }
  const { scale, shift, before = [] } = parts.preprocessing;
  const step: NormStep = Object.freeze({ norm, scale, shift });
  const own = compact(parts);
  return {
    ...own,
    inputs: takeNormSteps(own.inputs as Inputs, own.inputShape, [step]),
    preprocessing: makePreprocessing('normalize', 1, { scale: [1], shift: [0], before: [...before, step] }),
  };
}

/** What was done to stored values, done to raw samples; in float64, rounded to float32 behind each step. */
export function takeNormSteps(inputs: Inputs, inputShape: Shape, steps: readonly NormStep[]): Inputs {
  const size = sizeOf(inputShape);
  const channels = lastExtent(inputShape);
  return steps.reduce<Inputs>((values, step) => {
    const factorOf = Array.from({ length: channels }, (_, channel) => factorsAt(step, channel));
    const results = new Float32Array(values.length);
    const sample = new Float64Array(size);
    for (let start = 0; start < values.length; start += size) {
      for (let j = 0; j < size; j++) {
        const { scale, shift } = factorOf[j % channels] as { scale: number; shift: number };
        sample[j] = (values[start + j] as number) * scale + shift;
      }
      const norm = NORMS[step.norm](sample);
      for (let j = 0; j < size; j++) results[start + j] = norm === 0 ? 0 : (sample[j] as number) / norm;
    }
    return results;
  }, inputs);
}

const NORMS: Readonly<Record<Norm, (values: Float64Array) => number>> = {
  l1: (values) => values.reduce((sum, value) => sum + Math.abs(value), 0),
  l2: (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)),
  max: (values) => values.reduce((highest, value) => Math.max(highest, Math.abs(value)), 0),
};

function scaleBytes<Parts extends DatasetParts>(parts: Parts): Parts {
  const { inputs, inputShape, preprocessing } = parts;
  const { scale, shift, before } = preprocessing;
  const isRaw =
    before === undefined && scale.every((value) => value === 1) && shift.every((value) => value === 0);
  if (isBytes(inputs) && isRaw) {
    const bytes = { scale: [1 / 255], shift: [0] };
    return { ...parts, preprocessing: makePreprocessing('normalize', lastExtent(inputShape), bytes) };
  }
  const found = isBytes(inputs) ? 'are scaled already, see dataset.preprocessing' : 'are no bytes';
  throw new GradloomError(
    'INVALID_DATA',
    `normalize: without options bytes are taken from [0, 255] to [0, 1], but the samples ${found}; give { mean, std } or { norm }`,
  );
}

function shiftAndScale(parts: DatasetParts, mean: readonly number[], std: readonly number[]) {
  const channels = lastExtent(parts.inputShape);
  checkFactors('normalize', channels, { mean, std });
  const fault = std.findIndex((value) => value <= 0);
  if (fault >= 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `normalize: std must be above 0, got ${std[fault]} at ${fault}`,
    );
  }
  const composed = Array.from({ length: channels }, (_, channel) => {
    const inner = factorsAt(parts.preprocessing, channel);
    const { scale: divisor, shift: subtracted } = factorsAt({ scale: std, shift: mean }, channel);
    return { scale: inner.scale / divisor, shift: (inner.shift - subtracted) / divisor };
  });
  const beyond = composed.findIndex(({ scale, shift }) => !isFloat32(scale) || !isFloat32(shift));
  if (beyond >= 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `normalize: mean and std of index ${beyond} of the last axis lead beyond float32`,
    );
  }
  return makePreprocessing('normalize', channels, {
    ...parts.preprocessing,
    scale: composed.map(({ scale }) => scale),
    shift: composed.map(({ shift }) => shift),
  });
}
