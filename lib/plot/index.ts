/**
 * Pictures of runs, as SVG, PNG or Vega-Lite's JSON. A package export of its own: `import * as plot from 'gradloom/plot'`.
 *
 * Needs `npm install vega vega-lite@~6.4.3`, and `@resvg/resvg-js` for PNG.
 *
 * @module gradloom/plot
 */
export { type CompareOptions, compare } from './compare.ts';
export { type ConfusionMatrixPlotOptions, confusionMatrix } from './confusion-matrix.ts';
export type { Area } from './contours.ts';
export { type CurvesOptions, curves } from './curves.ts';
export { type EmbeddingOptions, embedding, type Vectors } from './embedding.ts';
export type { RunLike } from './epochs.ts';
export { type FiltersOptions, filters } from './filters.ts';
export { type HistoryOptions, history } from './history.ts';
export { type LearningRatesOptions, learningRates } from './learning-rates.ts';
export type { PlotOptions } from './options.ts';
export { type PanelsOptions, panels } from './panels.ts';
export { type Path, type PathsOptions, paths } from './paths.ts';
export { Plot, type PngOptions } from './plot.ts';
export { type PredictionsOptions, predictions } from './predictions.ts';
export { type ReturnsOptions, returns } from './returns.ts';
export type { NamedSeries, Series } from './series.ts';
export type { Theme } from './theme.ts';
