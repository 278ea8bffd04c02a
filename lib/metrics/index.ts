/**
 * One line a metric. The names exported here are also the kinds by which a metric may be named
 * (`make-metrics.ts`).
 */
export { accuracy } from './accuracy.ts';
export { type BinaryAccuracyOptions, binaryAccuracy } from './binary-accuracy.ts';
export { type ConfusionMatrixOptions, confusionMatrix } from './confusion-matrix.ts';
export { f1 } from './f1.ts';
export { logLoss } from './log-loss.ts';
export { meanAbsoluteError } from './mean-absolute-error.ts';
export { prAuc } from './pr-auc.ts';
export { precision } from './precision.ts';
export { r2 } from './r2.ts';
export { recall } from './recall.ts';
export { rocAuc } from './roc-auc.ts';
export { rootMeanSquaredError } from './root-mean-squared-error.ts';
export { type TopKAccuracyOptions, topKAccuracy } from './top-k-accuracy.ts';
