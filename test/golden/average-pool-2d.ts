import { averagePool2d, globalAveragePool2d } from '../../lib/layers/index.ts';
import type { Layer } from '../../lib/layers/layer.ts';
import type { GoldenCase } from './fixtures.ts';
import { floatsOf } from './fixtures.ts';
import { sampleShapeOf, toChannelsFirst, toChannelsLast } from './layout.ts';
import { differentiate } from './single-layer.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

interface Attributes {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly ceil_mode: boolean;
  readonly count_include_pad: boolean;
}

export function compareAveragePool2d(golden: GoldenCase): Comparison[] {
  const { kernel, stride, padding, ceil_mode, count_include_pad } = golden.attrs as unknown as Attributes;
  const layer = averagePool2d({
    poolSize: kernel,
    strides: stride,
    padding,
    rounding: ceil_mode ? 'up' : 'down',
    countPadding: count_include_pad ? 'include' : 'exclude',
  });
  const y = golden.tensor('y');
  const { output, ...rest } = run(golden, layer, toChannelsLast(golden.tensor('gy')));
  return compare(golden, { output: toChannelsFirst(output, y.shape), ...rest });
}

/** Its output has no pixels, so no layout. */
export function compareGlobalAveragePool2d(golden: GoldenCase): Comparison[] {
  return compare(golden, run(golden, globalAveragePool2d(), floatsOf(golden.tensor('gy'))));
}

function run(golden: GoldenCase, layer: Layer, outputGradient: Float32Array) {
  const x = golden.tensor('x');
  return differentiate(layer, { inputShape: sampleShapeOf(x), x: toChannelsLast(x), outputGradient });
}

interface Result {
  readonly output: Float32Array;
  readonly inputGradient: Float32Array;
}

function compare(golden: GoldenCase, { output, inputGradient }: Result): Comparison[] {
  const tolerance = TOLERANCES.pooledSum;
  const x = golden.tensor('x');
  return [
    { tensor: 'y', got: output, ref: golden.tensor('y').data, tolerance },
    {
      tensor: 'grad.x',
      got: toChannelsFirst(inputGradient, x.shape),
      ref: golden.tensor('grad.x').data,
      tolerance,
    },
  ];
}
