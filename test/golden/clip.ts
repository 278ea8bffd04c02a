import { native } from '../../lib/native/index.ts';
import { sgd } from '../../lib/optimizers/index.ts';
import { toNativeOptimizer } from '../../lib/optimizers/optimizer.ts';
import { floatsOf, type GoldenCase } from './fixtures.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

/** A step of rate 1 from 0 leaves the clipped gradient, turned around. */
export function compareClip(golden: GoldenCase): Comparison[] {
  const { max_norm, norm_type, clip_value } = golden.attrs as {
    readonly max_norm?: number;
    readonly norm_type?: 'inf';
    readonly clip_value?: number;
  };
  const names = ['a', 'b'];
  const gradients = names.map((name) => floatsOf(golden.shared(`clip_common/${name}`)));
  const updater = new native.Updater({
    optimizer: toNativeOptimizer(sgd({ learningRate: 1 })),
    shapes: gradients.map(({ length }) => [length]),
    threads: 1,
    nonFinite: 'stop',
    clipGradients: {
      by: clip_value === undefined ? 'globalNorm' : 'value',
      limit: clip_value ?? (max_norm as number),
      norm: norm_type === 'inf' ? 'maximum' : 'euclidean',
    },
  });
  const weights = gradients.map(({ length }) => new Float32Array(length));
  updater.step(weights, gradients);
  return names.map((tensor, place) => ({
    tensor,
    got: (weights[place] as Float32Array).map((value) => -value),
    ref: golden.tensor(tensor).data,
    tolerance: TOLERANCES.rates,
  }));
}
