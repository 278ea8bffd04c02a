import { setImmediate } from 'node:timers/promises';
import { hideNumbers, showNumbers } from './json-numbers.ts';

/** Bytes of lines that are read at a time: some milliseconds, between which the event loop turns. */
const PIECE = 2 ** 16;
const NEWLINE = 10;

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
    const epochs: object[] = [];
    const lines = new EpochLines();
    lines.#bytes = new Uint8Array(2 * bytes.length);
    const decoder = new TextDecoder();
    for (let start = 0; start < bytes.length; start = lines.#length) {
      const end = bytes.indexOf(NEWLINE, start + PIECE);
      const piece = bytes.subarray(start, end < 0 ? bytes.length : end + 1);
      for (const text of decoder.decode(piece).split('\n').slice(0, -1)) {
        epochs.push(Object.freeze(showNumbers(JSON.parse(text)) as object));
      }
      lines.#append(piece);
      await setImmediate();
    }
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
