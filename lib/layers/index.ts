/**
 * One line a layer. The names exported here are also the kinds that a description may have (`models/network/make-layer.ts`).
 */
export { type AveragePool2dOptions, averagePool2d } from './average-pool-2d.ts';
export { type BatchNormOptions, batchNorm } from './batch-norm.ts';
export { type Conv2dOptions, conv2d } from './conv2d.ts';
export { type DenseOptions, dense } from './dense.ts';
export { dotInteraction } from './dot-interaction.ts';
export { type DropoutOptions, dropout } from './dropout.ts';
export { type EluOptions, elu } from './elu.ts';
export { type EmbeddingOptions, embedding } from './embedding.ts';
export { type EmbeddingBagOptions, embeddingBag } from './embedding-bag.ts';
export { factorizationMachine } from './factorization-machine.ts';
export { flatten } from './flatten.ts';
export { type GaussianNoiseOptions, gaussianNoise } from './gaussian-noise.ts';
export { type GeluOptions, gelu } from './gelu.ts';
export { globalAveragePool2d } from './global-average-pool-2d.ts';
export { globalMaxPool2d } from './global-max-pool-2d.ts';
export { type LayerNormOptions, layerNorm } from './layer-norm.ts';
export { type LeakyReluOptions, leakyRelu } from './leaky-relu.ts';
export { logSoftmax } from './log-softmax.ts';
export { type MaxPool2dOptions, maxPool2d } from './max-pool-2d.ts';
export { relu } from './relu.ts';
export { type ReshapeOptions, reshape } from './reshape.ts';
export { sigmoid } from './sigmoid.ts';
export { silu } from './silu.ts';
export { softmax } from './softmax.ts';
export { softplus } from './softplus.ts';
export { type SparseDenseOptions, sparseDense } from './sparse-dense.ts';
export { type SpatialDropoutOptions, spatialDropout } from './spatial-dropout.ts';
export { tanh } from './tanh.ts';
export { type ThresholdOptions, threshold } from './threshold.ts';
export { type Upsample2dOptions, upsample2d } from './upsample-2d.ts';
export { type ZeroPad2dOptions, zeroPad2d } from './zero-pad-2d.ts';
