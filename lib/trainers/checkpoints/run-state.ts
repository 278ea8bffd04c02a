/** What a checkpoint holds of the run that it was taken in. */
import { createHash } from 'node:crypto';
import { integer, numberThat, readOptions, required } from '../../core/options.ts';
import { isMapped } from '../../datasets/parts/mapped-inputs.ts';
import { rowOf } from '../../datasets/parts/stored-inputs.ts';
import type { Tensor } from '../../formats/tensor.ts';
import { explain, type FilePart, fileError } from '../../models/files/model-file.ts';
import type { NativeLabelledSamples, NativeRunPosition, NativeTensor } from '../../native/index.ts';
import type { ControlState } from '../control/epoch-control.ts';
import { EpochLines } from './epoch-lines.ts';
import { hideNumbers, showNumbers } from './json-numbers.ts';

export interface RunState {
  /** The options of `fit` that are plain data, without the checkpoints' folder. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly position: NativeRunPosition;
  readonly control: ControlState;
  /** Of the training set and the validation set, if there was one. */
  readonly data: { readonly train: string; readonly validation?: string | undefined };
  /** The weights of the best epoch, for runs that take them back at the end. */
  readonly kept: readonly NativeTensor[] | undefined;
}

/** One that was read. */
export interface SavedRun extends RunState {
  readonly epochs: readonly object[];
  readonly lines: EpochLines;
}

const KEPT = 'kept/';

/** `epochs`: the lines of those so far. */
export function toRunPart({ position, kept, ...state }: RunState, epochs: Uint8Array<ArrayBuffer>): FilePart {
  const { loss = 0, divisor = 0, metrics = [], kept: samples, ...counts } = position;
  const tensors = new Map<string, Tensor>();
  tensors.set('epochs', { dtype: 'U8', shape: [epochs.length], data: epochs });
  if (position.batches > 0) {
    const totals = Float64Array.of(loss, divisor, ...metrics);
    tensors.set('totals', { dtype: 'F64', shape: [totals.length], data: totals });
  }
  if (samples !== undefined) {
    tensors.set('outputs', floats(samples.outputs, [samples.outputs.length]));
    const { labels } = samples;
    const shape = [labels.length];
    const isClass = labels instanceof Int32Array;
    tensors.set(
      'labels',
      isClass
        ? { dtype: 'I32', shape, data: labels as Int32Array<ArrayBuffer> }
        : floats(labels as Float32Array, shape),
    );
  }
  for (const { name, shape, data } of kept ?? []) tensors.set(KEPT + name, floats(data, shape));
  return { state: hideNumbers({ ...state, position: { ...counts, kept: samples?.count ?? 0 } }), tensors };
}

function floats(data: Float32Array, shape: readonly number[]): Tensor {
  return { dtype: 'F32', shape, data: data as Float32Array<ArrayBuffer> };
}

const seconds = numberThat('a number of at least 0', (value) => value >= 0);
const POSITION = {
  epochs: required(integer(0)),
  steps: required(integer(0)),
  seconds: required(seconds),
  batches: required(integer(0)),
  skippedSteps: required(integer(0)),
  epochSeconds: required(seconds),
  kept: required(integer(0)),
};

export async function readRunPart(path: string, part: FilePart): Promise<SavedRun> {
  const { tensors } = part;
  const state = showNumbers(part.state) as RunState & { readonly position: { readonly samples?: number } };
  const { samples, ...given } = state.position ?? {};
  const { kept, ...counts } = explain(path, 'run', () => readOptions('position', given, POSITION));
  const take = <Type extends Tensor['dtype']>(name: string, ...types: readonly Type[]) => {
    const tensor = tensors.get(name);
    if (tensor !== undefined && types.some((type) => type === tensor.dtype)) return tensor.data as never;
    throw fileError(path, `tensor "@run.${name}" is missing or no ${types.join(' or ')}`);
  };
  let position: NativeRunPosition = counts;
  if (counts.batches > 0) {
    const [loss = 0, divisor = 0, ...metrics] = take('totals', 'F64') as Float64Array;
    position = { ...position, loss, divisor, samples: samples ?? 0, metrics: Float64Array.from(metrics) };
  }
  if (kept > 0) {
    const seen = { count: kept, outputs: take('outputs', 'F32'), labels: take('labels', 'I32', 'F32') };
    position = { ...position, kept: seen };
  }
  const weights = [...tensors].filter(([name]) => name.startsWith(KEPT));
  return {
    ...state,
    position,
    ...(await EpochLines.read(take('epochs', 'U8')).catch((error) => {
      throw fileError(path, 'tensor "@run.epochs" holds no lines of JSON', error);
    })),
    kept:
      weights.length === 0
        ? undefined
        : weights.map(([name, { shape, data }]) => ({
            name: name.slice(KEPT.length),
            shape,
            data: data as Float32Array,
          })),
  };
}

/** So many samples of a set are looked at, evenly spread. */
const PROBES = 64;

/** A short text that tells data sets apart: by their size and a few of their samples, so that large ones cost no time. */
export function fingerprint(samples: NativeLabelledSamples): string {
  const { count, indices, labels, labelSize, sampleWeights } = samples;
  const hash = createHash('sha256');
  for (const { inputs, scale, shift } of samples.columns ?? [samples]) {
    const sparse = 'offsets' in inputs ? inputs : undefined;
    const values = 'offsets' in inputs ? inputs.indices : inputs;
    // Samples in mapped files have the text that they have in memory.
    const sample = isMapped(values) ? rowOf(values, 0, 0) : values;
    const length = isMapped(values) ? values.rows * sample.length : values.length;
    hash.update(JSON.stringify([count, length, labels.length, labelSize, sample.constructor.name]));
    const size = length / (labels.length / labelSize);
    for (const each of [scale, shift]) hash.update(each);
    for (const row of probedRows(count, indices)) {
      const first = sparse?.offsets[row] ?? row * size;
      const end = sparse?.offsets[row + 1] ?? (row + 1) * size;
      hash.update(isMapped(values) ? rowOf(values, row, size) : values.subarray(first, end));
      if (sparse?.values !== undefined) hash.update(sparse.values.subarray(first, end));
      hash.update(labels.subarray(row * labelSize, (row + 1) * labelSize));
      if (sampleWeights !== undefined) hash.update(sampleWeights.subarray(row, row + 1));
    }
  }
  return hash.digest('hex').slice(0, 32);
}

function probedRows(count: number, indices: Uint32Array | undefined): number[] {
  return Array.from({ length: Math.min(PROBES, count) }, (_, probe) => {
    const place = Math.floor((probe * count) / Math.min(PROBES, count));
    return indices?.[place] ?? place;
  });
}
