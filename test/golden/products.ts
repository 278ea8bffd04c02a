/** dense and conv2d, by every kernel that exists for the shape. */
import { conv2d, dense } from '../../lib/layers/index.ts';
import type { NativeDifferentiation } from '../../lib/native/index.ts';
import { floatsOf, type GoldenCase } from './fixtures.ts';
import { sampleShapeOf, toChannelsFirst, toChannelsLast } from './layout.ts';
import { differentiate } from './single-layer.ts';
import { type Comparison, TOLERANCES, type Tolerance } from './tolerances.ts';

export function compareDense(golden: GoldenCase): Comparison[] {
  return (['blas', 'auto'] as const).flatMap((kernel) => compareDenseBy(kernel, golden));
}

function compareDenseBy(kernel: 'blas' | 'auto', golden: GoldenCase): Comparison[] {
  const { bias } = golden.attrs as { readonly bias: boolean };
  const [units = 0, features = 0] = golden.tensor('weight').shape;
  const result = differentiate(dense({ units, bias, kernel }), {
    inputShape: [features],
    x: floatsOf(golden.tensor('x')),
    outputGradient: floatsOf(golden.tensor('gy')),
    parameters: parametersOf(golden, bias),
  });
  return [
    { tensor: 'y', got: result.output, ref: golden.tensor('y').data, tolerance: TOLERANCES.product },
    {
      tensor: 'grad.x',
      got: result.inputGradient,
      ref: golden.tensor('grad.x').data,
      tolerance: TOLERANCES.product,
    },
    ...compareParameterGradients(golden, result, TOLERANCES.product),
  ];
}

interface Conv2dAttributes {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
  readonly bias: boolean;
}

export function compareConv2d(golden: GoldenCase): Comparison[] {
  return (['blas', 'direct', 'winograd'] as const).flatMap((kernel) => compareConv2dBy(kernel, golden));
}

function compareConv2dBy(algorithm: 'blas' | 'direct' | 'winograd', golden: GoldenCase): Comparison[] {
  const { kernel, stride, padding, dilation, groups, bias } = golden.attrs as unknown as Conv2dAttributes;
  const [filters = 0] = golden.tensor('weight').shape;
  const layer = conv2d({
    filters,
    kernelSize: kernel,
    strides: stride,
    padding,
    dilation,
    groups,
    bias,
    kernel: algorithm,
  });
  const x = golden.tensor('x');
  const y = golden.tensor('y');
  let result: NativeDifferentiation;
  try {
    result = differentiate(layer, {
      inputShape: sampleShapeOf(x),
      x: toChannelsLast(x),
      outputGradient: toChannelsLast(golden.tensor('gy')),
      parameters: parametersOf(golden, bias),
    });
  } catch (error) {
    if (/kernel "(direct|winograd)" takes/.test(String(error))) return [];
    throw error;
  }
  return [
    {
      tensor: 'y',
      got: toChannelsFirst(result.output, y.shape),
      ref: y.data,
      tolerance: TOLERANCES.product,
    },
    {
      tensor: 'grad.x',
      got: toChannelsFirst(result.inputGradient, x.shape),
      ref: golden.tensor('grad.x').data,
      tolerance: TOLERANCES.product,
    },
    ...compareParameterGradients(golden, result, TOLERANCES.convolutionGradient),
  ];
}

/** Both sides store `[out, in]` and `[out, in / groups, rows, columns]`. */
function parametersOf(golden: GoldenCase, bias: boolean): Float32Array[] {
  return (bias ? ['weight', 'bias'] : ['weight']).map((name) => floatsOf(golden.tensor(name)));
}

function compareParameterGradients(
  golden: GoldenCase,
  { parameterGradients }: NativeDifferentiation,
  tolerance: Tolerance,
): Comparison[] {
  return parameterGradients.map((got, place) => {
    const tensor = ['grad.weight', 'grad.bias'][place] as string;
    return { tensor, got, ref: golden.tensor(tensor).data, tolerance };
  });
}
