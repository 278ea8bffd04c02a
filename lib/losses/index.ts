/**
 * One line a loss. The names exported here are also the kinds by which a loss may be named (`make-loss.ts`).
 */
export { hinge } from './hinge.ts';
export { type HuberOptions, huber } from './huber.ts';
export { meanAbsoluteError } from './mean-absolute-error.ts';
export { meanSquaredError } from './mean-squared-error.ts';
export { poisson } from './poisson.ts';
export {
  type SigmoidBinaryCrossEntropyOptions,
  sigmoidBinaryCrossEntropy,
} from './sigmoid-binary-cross-entropy.ts';
export { type SmoothL1Options, smoothL1 } from './smooth-l1.ts';
export { type SoftmaxCrossEntropyOptions, softmaxCrossEntropy } from './softmax-cross-entropy.ts';
export { squaredHinge } from './squared-hinge.ts';
