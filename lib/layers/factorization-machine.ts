import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

/**
 * The second-order term of a factorization machine (Rendle 2010): the sum of the scalar products of all pairs of a
 * sample's vectors. With an embedding of one unit for the first order it is a factorization machine, beside layers over
 * the same embedding DeepFM (Guo et al. 2017).
 *
 * Input `[fields, units]` of at least two vectors, output `[1]`.
 *
 * @example
 * const fields = input([8]); // an id each, of one table
 * const first = fields.pipe(embedding({ rows: 5000, units: 1 }), flatten(), dense({ units: 1 }));
 * const second = fields.pipe(embedding({ rows: 5000, units: 10 }), factorizationMachine());
 * const model = graph({ inputs: { fields }, output: add([first, second]) });
 */
export function factorizationMachine(options?: NamedOptions): Layer<readonly [1]> {
  return describeLayer('factorizationMachine', options, {});
}
