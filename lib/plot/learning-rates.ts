import { readOptions } from '../core/options.ts';
import { CURVES_OPTIONS, curvesSpec } from './curves.ts';
import type { PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import { type NamedSeries, readSeries } from './series.ts';

export interface LearningRatesOptions extends PlotOptions {
  /** `'log'` shows a power of the step as a straight line. Default: `'linear'`. */
  readonly xScale?: 'linear' | 'log';
}

const { yTitle: _, yScale: __, xTitle: ___, ...OPTIONS } = CURVES_OPTIONS;

/**
 * Effective learning rates by step, on a logarithmic axis: of AdaGrad `learningRate / (sqrt(accumulator) + epsilon)`, one
 * series a weight.
 */
export function learningRates(series: NamedSeries, options: LearningRatesOptions = {}): Plot {
  const settings = readOptions('learningRates', options, OPTIONS);
  const points = readSeries('learningRates', series);
  const axes = { xTitle: 'step', yTitle: 'effective learning rate', yScale: 'log' } as const;
  return new Plot('learningRates', settings.theme, () =>
    curvesSpec(points, { ...settings, ...axes }, 'Effective learning rates'),
  );
}
