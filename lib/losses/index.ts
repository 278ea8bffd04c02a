/**
 * One line a loss. The names exported here are also the kinds by which a loss may be named (`make-loss.ts`).
 */
export { meanSquaredError } from './mean-squared-error.ts';
export { sigmoidBinaryCrossEntropy } from './sigmoid-binary-cross-entropy.ts';
export { softmaxCrossEntropy } from './softmax-cross-entropy.ts';
