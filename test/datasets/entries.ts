import { type Dataset, partsOf } from '../../lib/datasets/dataset.ts';
import type { SparseInputs } from '../../lib/datasets/parts/sparse-inputs.ts';

/** The entries of sparse samples as they are kept: feature and value. */
export function sparseOf(data: Dataset): [feature: number, value: number][][] {
  const { offsets, indices, values } = partsOf(data).inputs as SparseInputs;
  return Array.from({ length: offsets.length - 1 }, (_, row) => {
    const [begin, end] = [offsets[row] as number, offsets[row + 1] as number];
    return Array.from(indices.subarray(begin, end), (feature, i) => [feature, values?.[begin + i] ?? 1]);
  });
}
