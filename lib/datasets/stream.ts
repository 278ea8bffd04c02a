/** Data that come as they go: from a generator, a Node stream, a queue, a database's cursor. */
import { types } from 'node:util';
import { GradloomError } from '../core/errors.ts';
import {
  extent,
  formatValue,
  guardedBy,
  oneOf,
  readOptions,
  readValue,
  required,
  sampleShape,
  withDefault,
} from '../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import { flattenSamples, isList, type NestedNumbers } from './copies.ts';
import { Dataset, type LabelKind } from './dataset.ts';
import { buildDataset } from './from-arrays.ts';
import type { LabelData } from './labels.ts';
import type { Tuple } from './map.ts';

/** One sample, flat or nested as `inputShape` says; its label is a class, or its target values. */
export interface StreamSample {
  readonly input: NestedNumbers;
  readonly label: number | ArrayLike<number>;
}

/** Several samples: one array a sample, or all of them one after another. */
export interface StreamBatch {
  readonly inputs: readonly NestedNumbers[] | Float32Array | Uint8Array | Int32Array;
  /** A class a sample, or an array of target values a sample. */
  readonly labels: ArrayLike<number | ArrayLike<number>>;
}

/** What a source gives: samples, batches or data sets, also mixed. A data set is an epoch of its own. */
export type StreamItem = StreamSample | StreamBatch | Dataset;

export type StreamSource = AsyncIterable<StreamItem> | Iterable<StreamItem>;

export interface StreamOptions<Input extends Shape, Label extends 'class' | 'values'> {
  /** Shape of one sample: `[4]`, `[28, 28, 1]`. */
  readonly inputShape: Input;
  /** Default: `'class'`. */
  readonly labelKind?: Label;
  /** Samples that make up an epoch, are shuffled among each other and held in memory at once. Default: 8192. */
  readonly samplesPerEpoch?: number;
}

const OPTIONS = {
  inputShape: required(sampleShape),
  labelKind: withDefault(oneOf('class', 'values'), 'class'),
  samplesPerEpoch: withDefault(extent, 8192),
};

const source = guardedBy(
  'an async iterable, an iterable or a Node stream of samples, batches or data sets',
  (given): given is StreamSource =>
    typeof given === 'object' &&
    given !== null &&
    (Symbol.asyncIterator in given || Symbol.iterator in given),
);

/** Hands a stream's data out in parts, each a dataset and an epoch. `operation` stands in errors. */
export let readStream: (stream: SampleStream, operation: string) => AsyncGenerator<Dataset, void, undefined>;
/** Gives the source up, also one that is waited for. */
export let abandonStream: (stream: SampleStream) => void;

/** Samples that come as they go, which a trainer's `fit` takes once. Made by `fromStream`. */
export class SampleStream<Input extends Shape = Shape, Label extends LabelKind = LabelKind> {
  readonly inputShape: Input;
  readonly labelKind: Label;
  readonly #source: StreamSource;
  readonly #samplesPerEpoch: number;
  #isRead = false;

  static {
    readStream = (stream, operation) => stream.#read(operation);
    abandonStream = (stream) => {
      const given: { readonly destroy?: unknown } = stream.#source as object;
      if (typeof given.destroy === 'function') given.destroy();
    };
  }

  /** @internal Use `fromStream`. */
  constructor(given: StreamSource, inputShape: Input, labelKind: Label, samplesPerEpoch: number) {
    this.#source = given;
    this.inputShape = inputShape;
    this.labelKind = labelKind;
    this.#samplesPerEpoch = samplesPerEpoch;
    Object.freeze(this);
  }

  async *#read(operation: string): AsyncGenerator<Dataset, void, undefined> {
    if (this.#isRead) {
      throw new GradloomError('INVALID_DATA', `${operation}: the stream was read already; make another one`);
    }
    this.#isRead = true;
    const part = new Part(operation, this.inputShape, this.labelKind);
    let place = 0;
    for await (const item of this.#source) {
      const name = `${operation}: item ${place++} of the stream`;
      if (item instanceof Dataset) {
        if (part.length > 0) yield part.take();
        yield item;
        continue;
      }
      for (const sample of samplesOf(name, item, sizeOf(this.inputShape))) {
        part.add(name, sample);
        if (part.length === this.#samplesPerEpoch) yield part.take();
      }
    }
    if (part.length > 0) yield part.take();
  }
}

/**
 * A stream of samples to train on: of any length, also endless. `fit` reads it once, as fast as it trains, and holds the
 * samples of two epochs at most; `epochs` bounds how many it takes, and without it the run ends with the stream. What the
 * source throws ends the run with that error; a run that is stopped gives the source up (`return`, and `destroy` of a Node
 * stream).
 *
 * Samples are copied as they come. Each epoch is shuffled within, by the trainer's seed, so the same samples in the same
 * order give the same weights. Validation sets are data sets. A stream cannot be gone back in, so such runs take no
 * `checkpoint`; `trainer.save` in `onEpochEnd` does.
 *
 * @example
 * async function* clicks() {
 *   for await (const { features, clicked } of events) yield { input: features, label: clicked ? 1 : 0 };
 * }
 * await trainer.fit(fromStream(clicks(), { inputShape: [20], samplesPerEpoch: 10_000 }));
 */
export function fromStream<const Input extends Shape, Label extends 'class' | 'values' = 'class'>(
  given: StreamSource,
  options: StreamOptions<Input, Label>,
): SampleStream<Tuple<Input>, Label> {
  const checked = readValue('fromStream', 'source', given, source);
  const { inputShape, labelKind, samplesPerEpoch } = readOptions('fromStream', options, OPTIONS);
  return new SampleStream(checked, inputShape as Tuple<Input>, labelKind as Label, samplesPerEpoch);
}

function* samplesOf(name: string, item: unknown, size: number): Generator<StreamSample, void, undefined> {
  const given = (typeof item === 'object' && item !== null ? item : {}) as Partial<
    StreamSample & StreamBatch
  >;
  if (isList(given.input)) {
    yield given as StreamSample;
    return;
  }
  if (!isList(given.inputs) || !isList(given.labels)) {
    throw invalid(
      name,
      `must be a sample { input, label }, a batch { inputs, labels } or a Dataset, got ${formatValue(item)}`,
    );
  }
  const { inputs, labels } = given;
  const isFlat = types.isTypedArray(inputs);
  const count = isFlat ? inputs.length / size : inputs.length;
  if (labels.length !== count) {
    throw invalid(name, `has ${labels.length} labels for ${count} samples of ${size} values`);
  }
  for (let row = 0; row < count; row++) {
    const input = isFlat
      ? (inputs as Float32Array).subarray(row * size, (row + 1) * size)
      : (inputs as readonly NestedNumbers[])[row];
    yield { input: input as NestedNumbers, label: labels[row] as number };
  }
}

type Buffer = Float32Array | Uint8Array | Int32Array;

/** The samples of an epoch as they come together. */
class Part {
  readonly #operation: string;
  readonly #inputShape: Shape;
  readonly #labelKind: LabelKind;
  /** Room for more samples than there are, used again for each part. */
  #inputs: Buffer = new Float32Array(0);
  #labels: (number | ArrayLike<number>)[] = [];

  constructor(operation: string, inputShape: Shape, labelKind: LabelKind) {
    this.#operation = operation;
    this.#inputShape = inputShape;
    this.#labelKind = labelKind;
  }

  get length(): number {
    return this.#labels.length;
  }

  add(name: string, { input, label }: StreamSample): void {
    const size = sizeOf(this.#inputShape);
    const isReady = types.isFloat32Array(input) || types.isUint8Array(input) || types.isInt32Array(input);
    if (isReady && input.length !== size) {
      throw invalid(
        name,
        `has ${input.length} values, and samples have shape ${formatShape(this.#inputShape)}`,
      );
    }
    const values = isReady ? (input as Buffer) : flattenSamples(name, 'input', [input], this.#inputShape);
    if (this.length > 0 && typeOf(values) !== typeOf(this.#inputs)) {
      throw invalid(name, `is a ${typeOf(values).name} among samples of ${typeOf(this.#inputs).name}`);
    }
    this.#makeRoom(values);
    // A copy: the source may use its arrays again.
    this.#inputs.set(values, this.length * size);
    this.#labels.push(isList(label) ? Float32Array.from(label as ArrayLike<number>) : label);
  }

  /** The samples so far, as a dataset; none are left. */
  take(): Dataset {
    const inputs = this.#inputs.subarray(0, this.length * sizeOf(this.#inputShape));
    const dataset = buildDataset(this.#operation, {
      inputs,
      inputShape: this.#inputShape,
      labels: this.#labels as unknown as LabelData,
      labelKind: this.#labelKind,
      labelShape: undefined,
      classNames: undefined,
      sampleWeights: undefined,
      scale: undefined,
      shift: undefined,
    });
    this.#labels = [];
    return dataset;
  }

  #makeRoom(sample: Buffer): void {
    const needed = (this.length + 1) * sample.length;
    const Type = typeOf(sample);
    if (this.#inputs.length >= needed && typeOf(this.#inputs) === Type) return;
    const larger = new Type(2 * needed);
    if (this.length > 0) larger.set(this.#inputs);
    this.#inputs = larger;
  }
}

/** Also of Node's Buffer, whose own class makes no copies. */
function typeOf(values: Buffer) {
  if (types.isFloat32Array(values)) return Float32Array;
  return types.isUint8Array(values) ? Uint8Array : Int32Array;
}

function invalid(name: string, text: string): GradloomError {
  return new GradloomError('INVALID_DATA', `${name} ${text}`);
}
