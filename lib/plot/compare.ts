import { GradloomError } from '../core/errors.ts';
import { formatValue, oneOf, readOptions, text, withDefault } from '../core/options.ts';
import { curvesSpec } from './curves.ts';
import { checkRun, figureOf, inWords, type RunLike, readEpochs } from './epochs.ts';
import { PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import { readSeries } from './series.ts';

export interface CompareOptions extends PlotOptions {
  /** `'loss'`, a metric's name, or either of the validation set: `'validation.accuracy'`. Default: `'loss'`. */
  readonly figure?: string;
  /** Default: `'linear'`. */
  readonly yScale?: 'linear' | 'log';
}

const OPTIONS = {
  ...PLOT_OPTIONS,
  figure: withDefault(text, 'loss'),
  yScale: withDefault(oneOf('linear', 'log'), 'linear'),
};

/**
 * One figure of several runs, such as those of different optimizers, by the names that the legend shows.
 *
 * @example
 * await plot.compare({ adagrad: first, sgd: second }, { figure: 'validation.loss' }).save('optimizers.svg');
 *
 * Throws `INVALID_OPTION` for what is no run, and when drawn for a figure that a run has not.
 */
export function compare(runs: Readonly<Record<string, RunLike>>, options: CompareOptions = {}): Plot {
  const { figure, yScale, ...settings } = readOptions('compare', options, OPTIONS);
  const entries = typeof runs === 'object' && runs !== null && !('then' in runs) ? Object.entries(runs) : [];
  if (entries.length === 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `compare: runs must be an object of at least one run by name, such as { adagrad: run }, got ${formatValue(runs)}`,
    );
  }
  for (const [, run] of entries) checkRun('compare', run);
  return new Plot('compare', settings.theme, async () => {
    const lists = await Promise.all(
      entries.map(async ([name, run]) => {
        const epochs = await readEpochs('compare', run);
        const y = epochs.map((epoch) => figureOf('compare', epoch, figure));
        return [name, { x: epochs.map(({ epoch }) => epoch), y }] as const;
      }),
    );
    const axes = { xTitle: 'epoch', yTitle: inWords(figure), xScale: 'linear', yScale } as const;
    const title = inWords(figure);
    return curvesSpec(
      readSeries('compare', Object.fromEntries(lists)),
      { ...settings, ...axes },
      title[0]?.toUpperCase() + title.slice(1),
    );
  });
}
