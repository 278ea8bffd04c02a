/** How linear classifiers of sparse samples learn, whose features are mostly rare. */
import type { Shape } from '../core/shape.ts';
import { type Dataset, partsOf } from '../datasets/dataset.ts';
import type { SparseInputs } from '../datasets/parts/sparse-inputs.ts';
import { rowwiseAdagrad } from '../optimizers/index.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';

/**
 * AdaGrad with one accumulator a feature: with one a weight, a rare feature's first sample would move the scores of all classes
 * alike, however little it says against most of them. That sample would still move the score of its own class by the rate times
 * the root of the number of classes. So accumulators start at a share of what one feature of a sample adds to a batch's gradient squared:
 * features of few samples take smaller steps, frequent ones soon the same. AdaGrad's steps do not know the size of values,
 * by which scores move: the rate by default is for values of 1 or less, and as much less for greater ones.
 */
export function rareFeatureAdagrad(
  train: Dataset<Shape, 'class'>,
  { learningRate, batchSize }: { readonly learningRate: number | undefined; readonly batchSize: number },
): Optimizer {
  const { indices, values } = partsOf(train, 'rareFeatureAdagrad').inputs as SparseInputs;
  const squares = values === undefined ? indices.length : values.reduce((sum, value) => sum + value ** 2, 0);
  const meanSquare = squares / Math.max(1, indices.length);
  return rowwiseAdagrad({
    learningRate: learningRate ?? 0.4 / Math.max(1, Math.sqrt(meanSquare)),
    initialAccumulator: (0.3 * meanSquare) / Math.min(batchSize, train.length) ** 2,
  });
}
