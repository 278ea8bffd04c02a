import { setImmediate } from 'node:timers/promises';
import type { Tensor } from './tensor.ts';

/**
 * A tensor's values as float32: F32 as they are, F16 and BF16 exactly, F64 rounded to nearest. Undefined for other
 * types.
 */
export function toFloat32({ dtype, data }: Tensor): Float32Array<ArrayBuffer> | undefined {
  switch (dtype) {
    case 'F32':
      return data as Float32Array<ArrayBuffer>;
    case 'F64':
      return Float32Array.from(data);
    case 'F16':
      return Float32Array.from(data, halfValue);
    case 'BF16':
      return fromUpperHalves(data as Uint16Array);
    default:
      return undefined;
  }
}

/** Values that are widened at a time: a few milliseconds, between which the event loop turns. */
const PIECE = 2 ** 20;

/** As `toFloat32`, while the event loop stays free. */
export async function toFloat32InTurns(tensor: Tensor): Promise<Float32Array<ArrayBuffer> | undefined> {
  if (tensor.dtype === 'F32') return tensor.data as Float32Array<ArrayBuffer>;
  const floats = new Float32Array(tensor.data.length);
  for (let first = 0; first < floats.length; first += PIECE) {
    const piece = toFloat32({ ...tensor, data: tensor.data.subarray(first, first + PIECE) } as Tensor);
    if (piece === undefined) return undefined;
    floats.set(piece, first);
    await setImmediate();
  }
  return floats;
}

/** The upper halves of floats, which are BF16 for those whose lower halves are zeros. */
export function upperHalves({
  buffer,
  byteOffset,
  length,
}: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(buffer, byteOffset, length);
  const halves = new Uint16Array(length);
  for (let i = 0; i < length; i++) halves[i] = (bits[i] as number) >>> 16;
  return halves;
}

/** Of tables these are many. */
function fromUpperHalves(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = (halves[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16: 1 bit of sign, 5 of exponent with bias 15, 10 of fraction. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
