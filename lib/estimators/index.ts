export { type Fitted, type LinearOptions, linearClassifier, linearRegressor } from './linear.ts';
export { type TextClassifierOptions, textClassifier } from './text-classifier.ts';
