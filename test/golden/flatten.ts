import { flatten } from '../../lib/layers/index.ts';
import { floatsOf, type GoldenCase, integersOf } from './fixtures.ts';
import { reorderColumns, sampleShapeOf, toChannelsFirst, toChannelsLast } from './layout.ts';
import { differentiate } from './single-layer.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

export function compareFlatten(golden: GoldenCase): Comparison[] {
  const x = golden.tensor('x');
  const lastFromFirst = integersOf(golden.tensor('nhwc_to_nchw'));
  const firstFromLast = Int32Array.from(lastFromFirst, (_, column) => lastFromFirst.indexOf(column));
  const result = differentiate(flatten(), {
    inputShape: sampleShapeOf(x),
    x: toChannelsLast(x),
    outputGradient: reorderColumns(floatsOf(golden.tensor('gy')), lastFromFirst),
  });
  const compare = (tensor: string, got: Float32Array) => {
    return { tensor, got, ref: golden.tensor(tensor).data, tolerance: TOLERANCES.exact };
  };
  return [
    compare('y_nhwc', result.output),
    compare('y', reorderColumns(result.output, firstFromLast)),
    compare('grad.x', toChannelsFirst(result.inputGradient, x.shape)),
  ];
}
