const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

const encoder = new TextEncoder();
/** Memory for the bytes of one text, used again for the next. */
let scratch = new Uint8Array(256);

/** MurmurHash3 of a text's UTF-8 bytes. */
export function hashText(text: string, seed = 0): number {
  // A unit of UTF-16 takes three bytes at most.
  if (scratch.length < 3 * text.length) scratch = new Uint8Array(6 * text.length);
  return murmurHash3(scratch, seed, encodeToScratch(text));
}

/** Returns the number of bytes. */
function encodeToScratch(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return encoder.encodeInto(text, scratch).written;
    scratch[i] = unit;
  }
  return text.length;
}

/**
 * MurmurHash3 x86 32 bits (Austin Appleby, public domain) of the first `length` bytes, as a signed integer, which is how
 * scikit-learn has it.
 */
export function murmurHash3(bytes: Uint8Array, seed = 0, length = bytes.length): number {
  let hash = seed | 0;
  const whole = length - (length % 4);
  for (let i = 0; i < whole; i += 4) {
    hash ^= scramble(
      byteAt(bytes, i) |
        (byteAt(bytes, i + 1) << 8) |
        (byteAt(bytes, i + 2) << 16) |
        (byteAt(bytes, i + 3) << 24),
    );
    hash = (Math.imul(rotate(hash, 13), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = length - 1; i >= whole; i--) rest = (rest << 8) | byteAt(bytes, i);
  if (whole < length) hash ^= scramble(rest);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function scramble(word: number): number {
  return Math.imul(rotate(Math.imul(word, C1), 15), C2);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}
