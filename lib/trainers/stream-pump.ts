import { type Deferred, deferred } from '../core/deferred.ts';
import { callNative } from '../core/errors.ts';
import type { InputShape } from '../core/shape.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { abandonStream, readStream, type SampleStream } from '../datasets/stream.ts';
import type { NativeLabelledSamples, NativeRun } from '../native.ts';

/** Hands the parts of a stream to a run: the next one is read while the last one is trained on, and no further. */
export class StreamPump {
  readonly #stream: SampleStream<InputShape>;
  readonly #parts: AsyncGenerator<Dataset, void, undefined>;
  readonly #read: (part: Dataset) => NativeLabelledSamples;
  #taken: Deferred<void> = deferred();
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /** `read` checks a part. */
  constructor(stream: SampleStream<InputShape>, read: (part: Dataset) => NativeLabelledSamples) {
    this.#stream = stream;
    this.#parts = readStream(stream, 'fit');
    this.#read = read;
  }

  /** What the source threw, or what is wrong with its data. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Feeds a run until the stream or the run ends; a failure stops the run. */
  async feed(run: NativeRun): Promise<void> {
    try {
      for (;;) {
        const { done, value: part } = await this.#parts.next();
        if (this.#hasEnded) return;
        if (done === true) break;
        this.#taken = deferred();
        const samples = this.#read(part);
        callNative(() => run.push(samples));
        await this.#taken.promise;
        if (this.#hasEnded) return;
      }
      run.push(undefined);
    } catch (error) {
      this.#failure = { error };
      if (!this.#hasEnded) run.stop();
    }
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
