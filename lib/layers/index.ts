/**
 * One line a layer. The names exported here are also the kinds that a description may have (`make-layer.ts`).
 */
export { type Conv2dOptions, conv2d } from './conv2d.ts';
export { type DenseOptions, dense } from './dense.ts';
export { type DropoutOptions, dropout } from './dropout.ts';
export { flatten } from './flatten.ts';
export { type MaxPool2dOptions, maxPool2d } from './max-pool-2d.ts';
export { relu } from './relu.ts';
export { sigmoid } from './sigmoid.ts';
export { softmax } from './softmax.ts';
export { tanh } from './tanh.ts';
