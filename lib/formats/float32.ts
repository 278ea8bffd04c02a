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
      // The upper half of a float32's bits.
      return new Float32Array(Uint32Array.from(data, (bits) => bits << 16).buffer);
    default:
      return undefined;
  }
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
