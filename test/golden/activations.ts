import type { Layer } from '../../lib/layers/layer.ts';
import { floatsOf, type GoldenCase } from './fixtures.ts';
import { differentiate } from './single-layer.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

/** The last axis is a sample's, for a softmax runs over it; the axes before it are samples. */
export function compareActivation(
  make: (attributes: GoldenCase['attrs']) => Layer,
): (golden: GoldenCase) => Comparison[] {
  const tolerance = TOLERANCES.activation;
  return (golden) => {
    const x = golden.tensor('x');
    const result = differentiate(make(golden.attrs), {
      inputShape: x.shape.slice(-1),
      x: floatsOf(x),
      outputGradient: floatsOf(golden.tensor('gy')),
    });
    return [
      { tensor: 'y', got: result.output, ref: golden.tensor('y').data, tolerance },
      { tensor: 'grad.x', got: result.inputGradient, ref: golden.tensor('grad.x').data, tolerance },
    ];
  };
}
