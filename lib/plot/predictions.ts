import { GradloomError } from '../core/errors.ts';
import { formatValue, optional, readOptions, text } from '../core/options.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import { isNumbers } from './series.ts';
import type { Datum, Spec } from './spec.ts';
import { colorOf, SERIES_COLORS } from './theme.ts';

export interface PredictionsOptions extends PlotOptions {
  /** What was predicted, with its unit, for the axes. Default: `'target'`. */
  readonly target?: string;
}

const OPTIONS = { ...PLOT_OPTIONS, target: optional(text) };

/** More points than this are left out evenly. */
const MAX_POINTS = 2000;

/**
 * Predicted against true values, with the line on which both are equal.
 *
 * @example
 * await plot.predictions(prices, (await model.predict(houses)).data, { target: 'price' }).save('prices.svg');
 *
 * Throws `INVALID_OPTION` for lists that are not equally long.
 */
export function predictions(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: PredictionsOptions = {},
): Plot {
  const settings = readOptions('predictions', options, OPTIONS);
  if (!isNumbers(truth) || !isNumbers(predicted) || truth.length !== predicted.length) {
    throw new GradloomError(
      'INVALID_OPTION',
      `predictions: truth and predicted must be equally many numbers, got ${formatValue(truth)} and ${formatValue(predicted)}`,
    );
  }
  const stride = Math.ceil(truth.length / MAX_POINTS);
  const rows: Datum[] = Array.from({ length: Math.ceil(truth.length / stride) }, (_, i) => ({
    truth: truth[i * stride] as number,
    predicted: predicted[i * stride] as number,
  })).filter((row) => Number.isFinite(row.truth) && Number.isFinite(row.predicted));
  return new Plot('predictions', settings.theme, () => predictionsSpec(rows, settings));
}

function predictionsSpec(
  rows: readonly Datum[],
  settings: ReturnType<typeof readOptions<typeof OPTIONS>>,
): Spec {
  const { width = 340, height = 340, target = 'target' } = settings;
  const values = rows.flatMap((row) => [row.truth as number, row.predicted as number]);
  const domain = [Math.min(...values), Math.max(...values)];
  const axis = (field: string, title: string) => ({
    field,
    type: 'quantitative',
    scale: { domain, nice: true, zero: false },
    axis: { title, tickCount: 6, grid: true },
  });
  const encoding = { x: axis('truth', `true ${target}`), y: axis('predicted', `predicted ${target}`) };
  return {
    ...headed(settings, 'Predicted and true'),
    width,
    height,
    layer: [
      {
        data: { values: domain.map((value) => ({ truth: value, predicted: value })) },
        mark: { type: 'line', color: colorOf('muted'), strokeDash: [5, 4], strokeWidth: 1.5 },
        encoding,
      },
      {
        data: { values: rows },
        mark: { type: 'point', filled: true, size: 26, opacity: 0.6, color: SERIES_COLORS[0] },
        encoding,
      },
    ],
  };
}
