import { embedding, embeddingBag } from '../../lib/layers/index.ts';
import type { NativeSamples } from '../../lib/native/index.ts';
import { floatsOf, type GoldenCase, integersOf } from './fixtures.ts';
import { differentiate, plainSamples } from './single-layer.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

interface Attributes {
  readonly mode?: 'sum' | 'mean' | 'max';
  readonly padding_idx?: number;
  readonly fixed_length?: number;
  readonly include_last_offset?: boolean;
}

export function compareEmbedding(golden: GoldenCase): Comparison[] {
  const { padding_idx: paddingId = -1 } = golden.attrs as Attributes;
  const weight = golden.tensor('weight');
  const indices = golden.tensor('indices');
  const [rows = 0, units = 0] = weight.shape;
  const [samples = 0, length = 0] = indices.shape;
  const result = differentiate(embedding({ rows, units, paddingId }), {
    inputShape: [length],
    x: plainSamples(integersOf(indices), samples),
    outputGradient: floatsOf(golden.tensor('gy')),
    parameters: [floatsOf(weight)],
  });
  return compare(golden, result, TOLERANCES.exact);
}

export function compareEmbeddingBag(golden: GoldenCase): Comparison[] {
  const { mode: pooling = 'mean', padding_idx: paddingId = -1, fixed_length } = golden.attrs as Attributes;
  const weight = golden.tensor('weight');
  const [rows = 0, units = 0] = weight.shape;
  const result = differentiate(
    embeddingBag({ units, pooling, paddingId, rows: fixed_length === undefined ? 0 : rows }),
    {
      inputShape: [fixed_length ?? rows],
      x: fixed_length === undefined ? bagsOf(golden) : plainSamples(integersOf(golden.tensor('indices')), 3),
      outputGradient: floatsOf(golden.tensor('gy')),
      parameters: [floatsOf(weight)],
    },
  );
  const comparisons = compare(golden, result, pooling === 'max' ? TOLERANCES.exact : TOLERANCES.pooledSum);
  if (!weighted(golden)) return comparisons;
  const tensor = 'grad.per_sample_weights';
  const ref = golden.tensor(tensor).data;
  return [...comparisons, { tensor, got: result.inputGradient, ref, tolerance: TOLERANCES.pooledSum }];
}

function weighted(golden: GoldenCase): boolean {
  return golden.outputs?.includes('grad.per_sample_weights') === true;
}

function bagsOf(golden: GoldenCase): NativeSamples {
  const { include_last_offset } = golden.attrs as Attributes;
  const indices = Uint32Array.from(integersOf(golden.tensor('indices')));
  const starts = Array.from(integersOf(golden.tensor('offsets')));
  const offsets = Uint32Array.from(include_last_offset === true ? starts : [...starts, indices.length]);
  const values = weighted(golden) ? floatsOf(golden.tensor('per_sample_weights')) : undefined;
  return plainSamples({ offsets, indices, values }, offsets.length - 1);
}

function compare(
  golden: GoldenCase,
  { output, parameterGradients }: ReturnType<typeof differentiate>,
  tolerance: Comparison['tolerance'],
): Comparison[] {
  return [
    { tensor: 'y', got: output, ref: golden.tensor('y').data, tolerance },
    {
      tensor: 'grad.weight',
      got: parameterGradients[0] ?? [],
      ref: golden.tensor('grad.weight').data,
      tolerance: TOLERANCES.pooledSum,
    },
  ];
}
