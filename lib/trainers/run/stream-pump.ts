import { createHash } from 'node:crypto';
import { type Deferred, deferred } from '../../core/deferred.ts';
import { callNative, GradloomError } from '../../core/errors.ts';
import type { InputShape } from '../../core/shape.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { abandonStream, readStream, type SampleStream } from '../../datasets/streams/stream.ts';
import type { NativeLabelledSamples, NativeRun, NativeRunPosition } from '../../native/index.ts';
import { fingerprint } from '../checkpoints/run-state.ts';

/** Fingerprints are kept of so many parts: a snapshot is of the part that is trained on, or between two. */
const REMEMBERED = 4;

/** Hands the parts of a stream to a run: the next one is read while the last one is trained on, and no further. */
export class StreamPump {
  readonly #stream: SampleStream<InputShape>;
  readonly #operation: string;
  readonly #parts: AsyncGenerator<Dataset, void, undefined>;
  readonly #read: (part: Dataset, number: number) => NativeLabelledSamples;
  /** Of all parts up to the one of a number, from 1; of none at 0. */
  readonly #prints = new Map([[0, 'stream:']]);
  #partsRead = 0;
  #taken: Deferred<void> = deferred();
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /** `read` checks a part, which has its number from 1. */
  constructor(
    operation: string,
    stream: SampleStream<InputShape>,
    read: (part: Dataset, number: number) => NativeLabelledSamples,
  ) {
    this.#stream = stream;
    this.#operation = operation;
    this.#parts = readStream(stream, operation);
    this.#read = read;
  }

  get stream(): SampleStream<InputShape> {
    return this.#stream;
  }

  /** What the source threw, or what is wrong with its data. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** A short text that tells what a run has read at a position from what it would read of another stream. */
  fingerprintAt(position: Position): string {
    return this.#prints.get(partsOf(position)) as string;
  }

  /**
   * Feeds a run until the stream or the run ends; a failure stops the run. What a run that is resumed had read before its
   * position is read again, compared and left out, but for the part that the position is in.
   */
  async feed(
    run: NativeRun,
    resumed?: { readonly position: Position; readonly print: string },
  ): Promise<void> {
    try {
      if (resumed === undefined || (await this.#skipTo(run, resumed))) await this.#pushAll(run);
      if (!this.#hasEnded) run.push(undefined);
    } catch (error) {
      this.#failure = { error };
      if (!this.#hasEnded) run.stop();
    }
  }

  /** Feeds a run that has nothing left to do. */
  feedNothing(run: NativeRun): void {
    run.push(undefined);
  }

  async #pushAll(run: NativeRun): Promise<void> {
    for (let samples = await this.#next(); samples !== undefined; samples = await this.#next()) {
      await this.#push(run, samples);
    }
  }

  async #push(run: NativeRun, samples: NativeLabelledSamples): Promise<void> {
    this.#taken = deferred();
    callNative(() => run.push(samples));
    await this.#taken.promise;
  }

  /** Whether the run goes on behind it. */
  async #skipTo(
    run: NativeRun,
    { position, print }: { readonly position: Position; readonly print: string },
  ): Promise<boolean> {
    let last: NativeLabelledSamples | undefined;
    while (this.#partsRead < partsOf(position)) {
      last = await this.#next();
      if (this.#hasEnded) return false;
      if (last === undefined) throw this.#isAnother(`ended after ${this.#partsRead} epochs`);
    }
    if (this.fingerprintAt(position) !== print) throw this.#isAnother('gives other samples');
    if (position.batches > 0 && last !== undefined) await this.#push(run, last);
    return !this.#hasEnded;
  }

  #isAnother(what: string): GradloomError {
    return new GradloomError(
      'INVALID_DATA',
      `${this.#operation}: the stream ${what}, which the run's did not; give the same samples from their beginning, in the same parts`,
    );
  }

  /** The next part, checked; undefined when there is none, or the run has ended. */
  async #next(): Promise<NativeLabelledSamples | undefined> {
    const { done, value: part } = await this.#parts.next();
    if (this.#hasEnded || done === true) return undefined;
    const samples = this.#read(part, this.#partsRead + 1);
    const before = this.#prints.get(this.#partsRead) as string;
    const hash = createHash('sha256').update(before).update(fingerprint(samples)).digest('hex');
    this.#prints.delete(this.#partsRead++ - REMEMBERED);
    this.#prints.set(this.#partsRead, `stream:${hash.slice(0, 32)}`);
    return samples;
  }

  /** The training thread has begun with the part that was pushed. */
  taken(): void {
    this.#taken.resolve();
  }

  /** The run is over: gives the source up, which is not waited for, as it may never answer. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#taken.resolve();
    abandonStream(this.#stream);
    this.#parts.return().catch(() => {});
  }
}

/** How far a run is: epochs that are done, and batches of the next one. */
type Position = Pick<NativeRunPosition, 'epochs' | 'batches'>;

/** The parts that a run has seen at a position, the last one perhaps not to its end. */
function partsOf({ epochs, batches }: Position): number {
  return epochs + (batches > 0 ? 1 : 0);
}
