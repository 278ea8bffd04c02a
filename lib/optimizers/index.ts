/**
 * One line an optimizer. The names exported here are also the kinds of descriptions (`make-optimizer.ts`).
 */
export { type AdagradOptions, adagrad } from './adagrad.ts';
export { type SgdOptions, sgd } from './sgd.ts';
