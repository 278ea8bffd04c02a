/** Layers that make one value of several, which only graphs can feed. */
import { extent, integer, required, withDefault } from '../core/options.ts';
import { describeLayer, type Layer, type NamedOptions } from './layer.ts';

export interface ConcatOptions extends NamedOptions {
  /** Along which axis of a sample the inputs stand side by side, from 0; -1 is the last one. Default: -1. */
  readonly axis?: number;
}

export interface InBatchNegativesOptions extends NamedOptions {
  /** Scores beside the pair's own: at most one less than the samples of a batch have a meaning. */
  readonly count: number;
}

export const mergingLayers = {
  add: (options: NamedOptions): Layer => describeLayer('add', options, {}),
  concat: (options: ConcatOptions): Layer =>
    describeLayer('concat', options, { axis: withDefault(integer(-1, 32), -1) }),
  dot: (options: NamedOptions): Layer => describeLayer('dot', options, {}),
  inBatchNegatives: (options: InBatchNegativesOptions): Layer =>
    describeLayer('inBatchNegatives', options, { count: required(extent) }),
  multiply: (options: NamedOptions): Layer => describeLayer('multiply', options, {}),
};
