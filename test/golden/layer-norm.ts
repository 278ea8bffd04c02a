import { layerNorm } from '../../lib/layers/index.ts';
import { floatsOf, type GoldenCase } from './fixtures.ts';
import { differentiate } from './single-layer.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

export function compareLayerNorm(golden: GoldenCase): Comparison[] {
  const { normalized_shape, eps } = golden.attrs as {
    readonly normalized_shape: readonly number[];
    readonly eps: number;
  };
  const names = ['weight', 'bias'].filter((name) => (golden.inputs ?? []).includes(name));
  const affine = names.length > 0;
  const layer = layerNorm({ axes: normalized_shape.length, epsilon: eps, scale: affine, shift: affine });
  const x = golden.tensor('x');
  const result = differentiate(layer, {
    inputShape: x.shape.slice(1),
    x: floatsOf(x),
    outputGradient: floatsOf(golden.tensor('gy')),
    parameters: names.map((name) => floatsOf(golden.tensor(name))),
  });
  const got = {
    y: result.output,
    'grad.x': result.inputGradient,
    ...Object.fromEntries(
      names.map((name, place) => [`grad.${name}`, result.parameterGradients[place] ?? []]),
    ),
  };
  return Object.entries(got).map(([tensor, values]) => ({
    tensor,
    got: values,
    ref: golden.tensor(tensor).data,
    tolerance: TOLERANCES.normalization,
  }));
}
