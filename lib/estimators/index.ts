export {
  type Fitted,
  type FittingOptions,
  type LinearOptions,
  linearClassifier,
  linearRegressor,
} from './linear.ts';
export {
  type Interactions,
  type Recommendation,
  type Recommender,
  type RecommenderModel,
  type RecommenderOptions,
  type RecommendOptions,
  recommend,
  recommender,
} from './recommender.ts';
export { type TextClassifierOptions, textClassifier } from './text-classifier.ts';
export { type WideAndDeepOptions, wideAndDeep } from './wide-and-deep.ts';
