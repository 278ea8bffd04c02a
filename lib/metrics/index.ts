/**
 * One line a metric. The names exported here are also the kinds by which a metric may be named
 * (`make-metrics.ts`).
 */
export { accuracy } from './accuracy.ts';
export { type BinaryAccuracyOptions, binaryAccuracy } from './binary-accuracy.ts';
export { meanAbsoluteError } from './mean-absolute-error.ts';
export { rootMeanSquaredError } from './root-mean-squared-error.ts';
export { type TopKAccuracyOptions, topKAccuracy } from './top-k-accuracy.ts';
