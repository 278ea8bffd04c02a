/**
 * One line an optimizer. The names exported here are also the kinds of descriptions (`make-optimizer.ts`).
 */
export { type AdadeltaOptions, adadelta } from './adadelta.ts';
export { type AdagradOptions, adagrad } from './adagrad.ts';
export { type AdagradDualAveragingOptions, adagradDualAveraging } from './adagrad-dual-averaging.ts';
export { type AdagradNormOptions, adagradNorm } from './adagrad-norm.ts';
export { type AdamOptions, adam } from './adam.ts';
export { type AdamWOptions, adamW } from './adam-w.ts';
export { type FtrlOptions, ftrl } from './ftrl.ts';
export { type ProximalAdagradOptions, proximalAdagrad } from './proximal-adagrad.ts';
export { type RmspropOptions, rmsprop } from './rmsprop.ts';
export { type RowwiseAdagradOptions, rowwiseAdagrad } from './rowwise-adagrad.ts';
export { type SgdOptions, sgd } from './sgd.ts';
export { type ShampooOptions, shampoo } from './shampoo.ts';
