export type { FittedEpoch, WatchOptions } from './fitting.ts';
export {
  type Fitted,
  type FittingOptions,
  type LinearOptions,
  linearClassifier,
  linearRegressor,
} from './linear.ts';
export type { Id, Interactions, KindOfId } from './pairs.ts';
export {
  type RankingEvaluation,
  type RankingFigures,
  type Recommendation,
  type RecommenderModel,
  type RecommendOptions,
  recommend,
} from './recommendations.ts';
export { type RecommenderOptions, recommender } from './recommender.ts';
export { type TextClassifierOptions, textClassifier } from './text-classifier.ts';
export { loadRecommender, type Recommender } from './trained-recommender.ts';
export { type WideAndDeepOptions, wideAndDeep } from './wide-and-deep.ts';
