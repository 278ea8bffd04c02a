import { maxPool2d } from '../../lib/layers/index.ts';
import { floatsOf, type GoldenCase, type GoldenTensor, integersOf } from './fixtures.ts';
import { sampleShapeOf, toChannelsFirst, toChannelsLast } from './layout.ts';
import { differentiate } from './single-layer.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

interface Attributes {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly ceil_mode: boolean;
}

export function compareMaxPool2d(golden: GoldenCase): Comparison[] {
  const attributes = golden.attrs as unknown as Attributes;
  const y = golden.tensor('y');
  const { output, inputGradient } = run(golden, golden.tensor('gy'));
  // Integers add up exactly in any order, so this says which cell won each window.
  const places = { shape: y.shape, data: Float32Array.from(y.data, (_, place) => place + 1) };
  const won = sumByWinner(golden, places.data);
  return [
    { tensor: 'y', got: output, ref: y.data, tolerance: TOLERANCES.exact },
    { tensor: 'index', got: run(golden, places).inputGradient, ref: won, tolerance: TOLERANCES.exact },
    {
      tensor: 'grad.x',
      got: inputGradient,
      ref: golden.tensor('grad.x').data,
      tolerance: windowsOverlap(attributes) ? TOLERANCES.pooledSum : TOLERANCES.exact,
    },
  ];
}

function run(
  golden: GoldenCase,
  outputGradient: GoldenTensor,
): { readonly output: Float32Array; readonly inputGradient: Float32Array } {
  const { kernel, stride, padding, dilation, ceil_mode } = golden.attrs as unknown as Attributes;
  const layer = maxPool2d({
    poolSize: kernel,
    strides: stride,
    padding,
    dilation,
    rounding: ceil_mode ? 'up' : 'down',
  });
  const x = golden.tensor('x');
  const result = differentiate(layer, {
    inputShape: sampleShapeOf(x),
    x: toChannelsLast(x),
    outputGradient: toChannelsLast(outputGradient),
  });
  return {
    output: toChannelsFirst(result.output, outputGradient.shape),
    inputGradient: toChannelsFirst(result.inputGradient, x.shape),
  };
}

/** The input's gradient by the fixture's winners, whose `index` counts within a plane. */
function sumByWinner(golden: GoldenCase, outputGradient: Float32Array): Float32Array {
  const winners = golden.tensor('index');
  const index = integersOf(winners);
  const x = golden.tensor('x');
  const planeSize = (shape: readonly number[]) => (shape[2] as number) * (shape[3] as number);
  const sum = new Float32Array(floatsOf(x).length);
  for (const [place, value] of outputGradient.entries()) {
    const plane = Math.floor(place / planeSize(winners.shape));
    const cell = plane * planeSize(x.shape) + (index[place] as number);
    sum[cell] = (sum[cell] as number) + value;
  }
  return sum;
}

/** Then a cell's gradient is a sum, which float32 rounds: torch's own differs from the reference there. */
function windowsOverlap({ kernel, stride, dilation }: Attributes): boolean {
  return [0, 1].some((axis) => {
    const extent = ((kernel[axis] as number) - 1) * (dilation[axis] as number) + 1;
    return (stride[axis] as number) < extent;
  });
}
