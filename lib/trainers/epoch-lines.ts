import { setImmediate } from 'node:timers/promises';
import { hideNumbers, showNumbers } from './json-numbers.ts';

/** Lines that are read at a time: some milliseconds, between which the event loop turns. */
const PIECE = 1000;

/**
 * The epochs of a run as checkpoints hold them, a line of JSON each. A run of weeks has a million of them, so each is written
 * out once, and later checkpoints take what there is and add to it.
 */
export class EpochLines {
  #bytes = new Uint8Array(2 ** 12);
  #length = 0;
  #count = 0;

  /** The epochs of these lines, and the lines, to be gone on with; while the event loop stays free. */
  static async read(bytes: Uint8Array): Promise<{ epochs: readonly object[]; lines: EpochLines }> {
    const texts = new TextDecoder().decode(bytes).split('\n').slice(0, -1);
    const epochs: object[] = [];
    for (const [place, text] of texts.entries()) {
      epochs.push(Object.freeze(showNumbers(JSON.parse(text)) as object));
      if (place % PIECE === PIECE - 1) await setImmediate();
    }
    const lines = new EpochLines();
    lines.#append(bytes);
    lines.#count = epochs.length;
    return { epochs: Object.freeze(epochs), lines };
  }

  /** Those of all epochs so far, which begin with the ones of before. They stay as they are when more are added. */
  of(epochs: readonly object[]): Uint8Array<ArrayBuffer> {
    const text = epochs.slice(this.#count).map((epoch) => `${JSON.stringify(hideNumbers(epoch))}\n`);
    this.#append(new TextEncoder().encode(text.join('')));
    this.#count = epochs.length;
    return this.#bytes.subarray(0, this.#length);
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }
}
