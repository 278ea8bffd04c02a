/** Data that come as they go: from a generator, a Node stream, a queue, a database's cursor. */
import { setImmediate } from 'node:timers/promises';
import { GradloomError } from '../../core/errors.ts';
import {
  extent,
  guardedBy,
  oneOf,
  type Rule,
  readOptions,
  readValue,
  required,
  sampleShape,
  withDefault,
} from '../../core/options.ts';
import { type InputShape, isNamed, type NamedShapes, type Shape } from '../../core/shape.ts';
import { Dataset, type LabelKind } from '../dataset.ts';
import type { Tuple } from '../operations/map.ts';
import type { NestedNumbers } from '../values/copies.ts';
import type { LabelData } from '../values/labels.ts';
import type { TargetData } from '../values/targets.ts';
import { Part } from './stream-part.ts';
import { samplesOf } from './stream-samples.ts';

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

/** A sample of one of several inputs: values, ids as an Int32Array, or the features that are there. */
export type StreamInput =
  | NestedNumbers
  | { readonly indices: ArrayLike<number>; readonly values?: ArrayLike<number> | undefined };

/** What a source of samples of several inputs gives: a sample, a batch of them, or a data set. */
export type NamedStreamItem<Input extends NamedShapes> =
  | {
      readonly input: { readonly [Name in keyof Input]: StreamInput };
      /** A class, target values, or with `labelKind: 'targets'` either for each head by name: `{ kind: 2, price: [1.5] }`. */
      readonly label: number | ArrayLike<number> | Readonly<Record<string, number | ArrayLike<number>>>;
    }
  | {
      readonly inputs: {
        readonly [Name in keyof Input]: readonly StreamInput[] | Float32Array | Uint8Array | Int32Array;
      };
      /** Of several targets by name, as `fromInputs` takes them. */
      readonly labels: LabelData | TargetData;
    }
  | Dataset<Input, LabelKind>;

export type NamedStreamSource<Input extends NamedShapes> =
  | AsyncIterable<NamedStreamItem<Input>>
  | Iterable<NamedStreamItem<Input>>;

export interface StreamOptions<Input extends InputShape, Label extends 'class' | 'values' | 'targets'> {
  /** Shape of one sample: `[4]`, `[28, 28, 1]`; of several inputs by their names, as a model's `inputShape` has them. */
  readonly inputShape: Input;
  /** `'targets'`: labels for each of several heads. Default: `'class'`. */
  readonly labelKind?: Label;
  /** Samples that make up an epoch, are shuffled among each other and held in memory at once. Default: 8192. */
  readonly samplesPerEpoch?: number;
}

const streamShape: Rule<InputShape> = {
  expected: `${sampleShape.expected}, or an object of shapes by the names of inputs`,
  read: (given) => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return sampleShape.read(given);
    const shapes = Object.entries(given).map(([name, shape]) => [name, sampleShape.read(shape)] as const);
    if (shapes.length === 0 || shapes.some(([, shape]) => shape === undefined)) return undefined;
    return Object.freeze(Object.fromEntries(shapes)) as NamedShapes;
  },
};

const OPTIONS = {
  inputShape: required(streamShape),
  labelKind: withDefault(oneOf('class', 'values', 'targets'), 'class'),
  samplesPerEpoch: withDefault(extent, 8192),
};

/** Turns of timers and sockets: a source that has its next item at hand, as generators do, never lets go of the event loop. */
class Turns {
  #last = performance.now();

  get areDue(): boolean {
    return performance.now() - this.#last >= 4;
  }

  async take(): Promise<void> {
    await setImmediate();
    this.#last = performance.now();
  }
}

type Source = AsyncIterable<unknown> | Iterable<unknown>;

const source = guardedBy(
  'an async iterable, an iterable or a Node stream of samples, batches or data sets',
  (given): given is Source =>
    typeof given === 'object' &&
    given !== null &&
    (Symbol.asyncIterator in given || Symbol.iterator in given),
);

/** Hands a stream's data out in parts, each a dataset and an epoch. `operation` stands in errors. */
export let readStream: (
  stream: SampleStream<InputShape>,
  operation: string,
) => AsyncGenerator<Dataset, void, undefined>;
/** Gives the source up, also one that is waited for. */
export let abandonStream: (stream: SampleStream<InputShape>) => void;

/** Samples that come as they go, which a trainer's `fit` takes once. Made by `fromStream`. */
export class SampleStream<Input extends InputShape = Shape, Label extends LabelKind = LabelKind> {
  readonly inputShape: Input;
  readonly labelKind: Label;
  readonly #source: Source;
  readonly #samplesPerEpoch: number;
  #isRead = false;
  #isAbandoned = false;

  static {
    readStream = (stream, operation) => stream.#read(operation);
    abandonStream = (stream) => {
      stream.#isAbandoned = true;
      const given: { readonly destroy?: unknown } = stream.#source as object;
      if (typeof given.destroy === 'function') given.destroy();
    };
  }

  /** @internal Use `fromStream`. */
  constructor(given: Source, inputShape: Input, labelKind: Label, samplesPerEpoch: number) {
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
    const part = new Part(operation, this, this.#samplesPerEpoch);
    let place = 0;
    const turns = new Turns();
    for await (const item of this.#source) {
      // Here too: items without a sample may come without end.
      if (turns.areDue) await turns.take();
      if (this.#isAbandoned) return;
      const name = `${operation}: item ${place++} of the stream`;
      if (item instanceof Dataset) {
        if (part.length > 0) yield part.take();
        yield item;
        continue;
      }
      for (const sample of samplesOf(name, item, this)) {
        part.add(name, sample);
        if (part.length === this.#samplesPerEpoch) yield part.take();
        if (turns.areDue) await turns.take();
        if (this.#isAbandoned) return;
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
 * Of several inputs, for a `graph`, items have each by its name, and `inputShape` their shapes; of several heads, labels by theirs
 * with `labelKind: 'targets'`: a number is a class, a list target values.
 *
 * Samples are copied as they come. Each epoch is shuffled within, by the trainer's seed, so the same samples in the same
 * order give the same weights. Validation sets are data sets. A run that is resumed from a checkpoint reads the stream
 * anew from its beginning and leaves out what it had seen.
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
): SampleStream<Tuple<Input>, Label>;
export function fromStream<
  const Input extends NamedShapes,
  Label extends 'class' | 'values' | 'targets' = 'class',
>(
  given: NamedStreamSource<Input>,
  options: StreamOptions<Input, Label>,
): SampleStream<{ -readonly [Name in keyof Input]: Tuple<Input[Name]> }, Label>;
export function fromStream(
  given: unknown,
  options: StreamOptions<InputShape, 'class' | 'values' | 'targets'>,
): SampleStream<InputShape> {
  const checked = readValue('fromStream', 'source', given, source);
  const { inputShape, labelKind, samplesPerEpoch } = readOptions('fromStream', options, OPTIONS);
  if (labelKind === 'targets' && !isNamed(inputShape)) {
    throw new GradloomError(
      'INVALID_OPTION',
      'fromStream: labelKind "targets" goes with inputs by name, which models of several heads have; give inputShape as { x: [4] }',
    );
  }
  return new SampleStream<InputShape>(checked, inputShape, labelKind, samplesPerEpoch);
}
