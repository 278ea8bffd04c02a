/** Names of features, and several of them together, as 32-bit hashes. */
import { murmurHash3 } from './murmur-hash.ts';

/** A feature that is there before its hash is cut down to the number of features. */
export interface HashedEntry {
  /** A signed integer of 32 bits. */
  readonly hash: number;
  readonly value: number;
}

/** The number of a feature by the size of its hash, as scikit-learn has it. */
export function featureOf(hash: number, features: number): number {
  return Math.abs(hash) % features;
}

/**
 * Every choice of one entry of each list, as one entry: its hash is MurmurHash3 of theirs, four bytes each with the lowest first, its value
 * the product of theirs. A list of its own stays as it is.
 */
export function* crossEntries(
  lists: readonly (readonly HashedEntry[])[],
): Generator<HashedEntry, void, void> {
  const chosen = lists.map(() => 0);
  if (lists.some((list) => list.length === 0)) return;
  const bytes = new DataView(new ArrayBuffer(4 * lists.length));
  const code = new Uint8Array(bytes.buffer);
  for (;;) {
    let value = 1;
    for (const [place, list] of lists.entries()) {
      const entry = list[chosen[place] as number] as HashedEntry;
      bytes.setInt32(4 * place, entry.hash, true);
      value *= entry.value;
    }
    yield { hash: murmurHash3(code), value };
    let place = lists.length - 1;
    while (place >= 0 && chosen[place] === (lists[place] as readonly HashedEntry[]).length - 1) {
      chosen[place--] = 0;
    }
    if (place < 0) return;
    chosen[place] = (chosen[place] as number) + 1;
  }
}

/** How many entries the cross of lists of these lengths has. */
export function crossLength(lists: readonly { readonly length: number }[]): number {
  return lists.reduce((product, { length }) => product * length, 1);
}
