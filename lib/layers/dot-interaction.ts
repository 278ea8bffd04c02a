import type { Shape } from '../core/shape.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/**
 * The scalar products of all pairs of a sample's vectors, as DLRM has them (Naumov et al. 2019): `(1, 0)`, `(2, 0)`,
 * `(2, 1)`, ... Vectors of several tables become one value by `concat([a, b, c], { axis: 0 })`.
 *
 * Input `[fields, units]` of at least two vectors, output `[fields * (fields - 1) / 2]`.
 *
 * @example
 * const interactions = ids.pipe(embedding({ rows: 5000, units: 16 }), dotInteraction());
 */
export function dotInteraction(options?: NamedOptions): Layer<Shape> {
  return describeLayer('dotInteraction', options, {});
}
